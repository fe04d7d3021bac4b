/** Signals and trades as marks on the chart: a dot is what was decided (pale when it was refused), an arrow what was
 * done. */

import type { SeriesMarker, UTCTimestamp } from "lightweight-charts";
import type { ChartSignal, Timeframe, Trade } from "../api/types";
import { barTime } from "./candles";
import { color } from "./colors";

const REFUSED_OPACITY = 0.4;

export function signalMarkers(signals: readonly ChartSignal[], timeframe: Timeframe): SeriesMarker<UTCTimestamp>[] {
  return signals.map((signal) => ({
    id: `signal:${signal.id}`,
    time: barTime(signal.time, timeframe),
    position: signal.side === "BUY" ? "belowBar" : "aboveBar",
    shape: "circle",
    size: 0.6,
    color: color(signal.side === "BUY" ? "accent" : "warn", signal.verdict === "refused" ? REFUSED_OPACITY : 1),
  }));
}

export function tradeMarkers(trades: readonly Trade[], timeframe: Timeframe): SeriesMarker<UTCTimestamp>[] {
  // Several fills of one order on one bar are one mark.
  const seen = new Map<string, SeriesMarker<UTCTimestamp>>();
  for (const trade of trades) {
    const time = barTime(Date.parse(trade.time), timeframe);
    const isBuy = trade.side === "BUY";
    seen.set(`${trade.order_id}:${time}`, {
      id: `trade:${trade.id}`,
      time,
      position: isBuy ? "belowBar" : "aboveBar",
      shape: isBuy ? "arrowUp" : "arrowDown",
      size: 1.2,
      color: color(isBuy ? "up" : "down"),
      text: isBuy ? "Buy" : exitWord(trade.purpose),
    });
  }
  return [...seen.values()];
}

function exitWord(purpose: string): string {
  if (purpose === "stop_loss") return "Stop";
  if (purpose === "take_profit") return "Target";
  return "Sell";
}

/** The chart wants its marks in order of time. */
export function inOrder(markers: SeriesMarker<UTCTimestamp>[]): SeriesMarker<UTCTimestamp>[] {
  return [...markers].sort((left, right) => left.time - right.time);
}
