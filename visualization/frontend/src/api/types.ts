/** Names for the wire format of the visualization service (schema.ts, generated from its OpenAPI document). Money is
 * text: it is shown, never calculated with, except for the estimates the screen itself makes (unrealised profit,
 * notional), which are marked as such. */

import type { components } from "./schema";

type Schemas = components["schemas"];

export type Side = Schemas["Side"];
export type Timeframe = Schemas["Timeframe"];
export const TIMEFRAMES: readonly Timeframe[] = ["1m", "3m", "5m", "15m", "1h", "4h", "1d"];

export type Candle = Schemas["CandleView"];
export type Ticker = Schemas["TickerView"];
export type SymbolInfo = Schemas["SymbolView"];
export type IndicatorPoint = Schemas["IndicatorPoint"];
export type ChartSignal = Schemas["SignalView"];

export type Cycle = Schemas["CycleView"];
export type Trade = Schemas["TradeView"];
/** A trade as the `trades` channel tells it. */
export type Fill = Schemas["ExecutionEvent"];
export type Order = Schemas["OrderView"];
export type Decision = Schemas["DecisionView"];
export type Vote = Schemas["VoteView"];

export type Pocket = Schemas["PocketView"];
export type Balance = Schemas["BalanceView"];
export type EquityPoint = Schemas["EquityPoint"];
export type GlobalStatistics = Schemas["GlobalStatistics"];
export type GroupStatistics = Schemas["GroupStatistics"];

export type PlatformHealth = Schemas["PlatformHealth"];
export type ServiceHealth = Schemas["ServiceView"];
export type Alert = Schemas["AlertView"];
export type SystemStatus = Schemas["SystemView"];

/** What the order ticket sends to the trader. */
export interface OrderRequest {
  symbol: string;
  side: Side;
  type: "MARKET" | "LIMIT";
  quantity: string;
  price?: string;
}
