/** The indicators the chart can draw: columns of `analyzer_data`, their colours and where they go. */

export type IndicatorGroup = "EMA" | "Bollinger" | "VWAP" | "RSI" | "MACD";

export interface IndicatorLine {
  column: string;
  color: string;
  kind: "line" | "histogram";
}

export const INDICATORS: Record<IndicatorGroup, { pane: number; lines: readonly IndicatorLine[] }> = {
  EMA: {
    pane: 0,
    lines: [
      { column: "ema_12", color: "#6fa8ff", kind: "line" },
      { column: "ema_26", color: "#d9a441", kind: "line" },
      { column: "ema_50", color: "#a78bda", kind: "line" },
    ],
  },
  Bollinger: {
    pane: 0,
    lines: [
      { column: "bb_upper", color: "#5b7089", kind: "line" },
      { column: "bb_middle", color: "#3e4c5e", kind: "line" },
      { column: "bb_lower", color: "#5b7089", kind: "line" },
    ],
  },
  VWAP: { pane: 0, lines: [{ column: "vwap_10", color: "#4fb3bf", kind: "line" }] },
  RSI: { pane: 1, lines: [{ column: "rsi_14", color: "#a78bda", kind: "line" }] },
  MACD: {
    pane: 2,
    lines: [
      { column: "macd_histogram", color: "#5b7089", kind: "histogram" },
      { column: "macd_line", color: "#6fa8ff", kind: "line" },
      { column: "macd_signal", color: "#d9a441", kind: "line" },
    ],
  },
};

export const GROUPS = Object.keys(INDICATORS) as IndicatorGroup[];

export function columnsOf(groups: readonly IndicatorGroup[]): string[] {
  return groups.flatMap((group) => INDICATORS[group].lines.map((line) => line.column));
}
