/** Candles between the wire (milliseconds, text) and the chart (seconds, numbers). */

import type { CandlestickData, HistogramData, UTCTimestamp } from "lightweight-charts";
import type { Candle, Timeframe } from "../api/types";
import { color } from "./colors";

const HOUR = 60;
const DAY = 24 * HOUR;
// The screens offer those that the platform stores; the service's document names all that Binance has.
const MINUTES: Record<Timeframe, number> = {
  "1s": 1 / 60,
  "1m": 1,
  "3m": 3,
  "5m": 5,
  "15m": 15,
  "30m": 30,
  "1h": HOUR,
  "2h": 2 * HOUR,
  "4h": 4 * HOUR,
  "6h": 6 * HOUR,
  "8h": 8 * HOUR,
  "12h": 12 * HOUR,
  "1d": DAY,
  "3d": 3 * DAY,
  "1w": 7 * DAY,
  "1M": 30 * DAY,
};

export function frameMs(timeframe: Timeframe): number {
  return MINUTES[timeframe] * 60_000;
}

export function seconds(ms: number): UTCTimestamp {
  return Math.floor(ms / 1000) as UTCTimestamp;
}

export function bar(candle: Candle): CandlestickData<UTCTimestamp> {
  return {
    time: seconds(candle.time),
    open: Number(candle.open),
    high: Number(candle.high),
    low: Number(candle.low),
    close: Number(candle.close),
  };
}

export function volumeBar(candle: Candle): HistogramData<UTCTimestamp> {
  const isUp = Number(candle.close) >= Number(candle.open);
  return { time: seconds(candle.time), value: Number(candle.volume), color: color(isUp ? "up" : "down", 1 / 3) };
}

/** Whether a live candle may be drawn after the last known one: never back in time, never open over closed. */
export function supersedes(live: Candle, last: Pick<Candle, "time" | "is_closed"> | undefined): boolean {
  if (last === undefined || live.time > last.time) return true;
  return live.time === last.time && (live.is_closed || !last.is_closed);
}

/** Whether bars are missing between consecutive candles. */
export function hasGap(candles: readonly Pick<Candle, "time">[], frame: number): boolean {
  return candles.some((candle, index) => index > 0 && candle.time - (candles[index - 1]?.time ?? 0) > frame);
}

/** The open time of the bar a moment falls in, where a marker belongs. */
export function barTime(ms: number, timeframe: Timeframe): UTCTimestamp {
  const frame = frameMs(timeframe);
  return seconds(ms - (ms % frame));
}
