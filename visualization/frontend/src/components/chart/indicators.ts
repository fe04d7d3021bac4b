/** The indicators the chart can draw: columns of `analyzer_data`, their colours and where they go. */

import type { ColorName } from "../../lib/colors";

export type IndicatorGroup = "EMA" | "Bollinger" | "VWAP" | "RSI" | "MACD";

export interface IndicatorLine {
  column: string;
  color: ColorName;
  kind: "line" | "histogram";
}

export const INDICATORS: Record<IndicatorGroup, { pane: number; lines: readonly IndicatorLine[] }> = {
  EMA: {
    pane: 0,
    lines: [
      { column: "ema_12", color: "accent", kind: "line" },
      { column: "ema_26", color: "warn", kind: "line" },
      { column: "ema_50", color: "violet", kind: "line" },
    ],
  },
  Bollinger: {
    pane: 0,
    lines: [
      { column: "bb_upper", color: "slate", kind: "line" },
      { column: "bb_middle", color: "slate-deep", kind: "line" },
      { column: "bb_lower", color: "slate", kind: "line" },
    ],
  },
  VWAP: { pane: 0, lines: [{ column: "vwap_10", color: "teal", kind: "line" }] },
  RSI: { pane: 1, lines: [{ column: "rsi_14", color: "violet", kind: "line" }] },
  MACD: {
    pane: 2,
    lines: [
      { column: "macd_histogram", color: "slate", kind: "histogram" },
      { column: "macd_line", color: "accent", kind: "line" },
      { column: "macd_signal", color: "warn", kind: "line" },
    ],
  },
};

export const GROUPS = Object.keys(INDICATORS) as IndicatorGroup[];

export function columnsOf(groups: readonly IndicatorGroup[]): string[] {
  return groups.flatMap((group) => INDICATORS[group].lines.map((line) => line.column));
}
