/** The wire format of the visualization service. Money is text: it is shown, never calculated with, except for
 * the estimates the screen itself makes (unrealised profit, notional), which are marked as such. */

export type Side = "BUY" | "SELL";
export type Timeframe = "1m" | "3m" | "5m" | "15m" | "1h" | "4h" | "1d";
export const TIMEFRAMES: readonly Timeframe[] = ["1m", "3m", "5m", "15m", "1h", "4h", "1d"];

export interface Candle {
  time: number;
  open: string;
  high: string;
  low: string;
  close: string;
  volume: string;
  is_closed: boolean;
}

export interface MarketChart {
  symbol: string;
  interval: Timeframe;
  candles: Candle[];
}

export interface IndicatorPoint {
  time: number;
  value: number | null;
}

export interface IndicatorChart {
  symbol: string;
  interval: Timeframe;
  indicators: Record<string, IndicatorPoint[]>;
}

export interface Ticker {
  symbol: string;
  price: string;
  change_percent: string | null;
  time: number;
}

export interface SymbolInfo {
  symbol: string;
  base: string;
  quote: string;
  price: string | null;
  open_24h: string | null;
  change_percent: string | null;
  volume_24h: string | null;
  time: number | null;
}

export interface ServiceHealth {
  name: string;
  healthy: boolean;
  state: string;
  url: string;
  latency_ms: number | null;
  detail: string;
  dependencies: Record<string, boolean>;
}

export interface PlatformHealth {
  status: "healthy" | "degraded" | "unhealthy";
  services: Record<string, ServiceHealth>;
  checked_at: string;
}

export interface Alert {
  id: string;
  level: "error" | "warning" | "info";
  title: string;
  detail: string;
}

export interface SystemStatus {
  mode: string;
  simulated: boolean;
  quote_asset: string;
  symbols: string[];
  market_ms: number;
  clock_speed: number;
  trading: { state: "running" | "paused" | "halted" | "unknown"; reason: string };
  alerts: Alert[];
}

export interface Cycle {
  id: string;
  symbol: string;
  strategy: string;
  side: Side;
  status: string;
  quantity: string;
  exit_quantity: string;
  entry_price: string | null;
  exit_price: string | null;
  stop_price: string | null;
  take_profit_price: string | null;
  profit_loss: string | null;
  profit_loss_percent: string | null;
  reason: string;
  created_at: string;
  completed_at: string | null;
}

export interface Trade {
  id: string;
  order_id: string;
  cycle_id: string;
  symbol: string;
  side: Side;
  price: string;
  quantity: string;
  quote_quantity: string;
  fee: string;
  fee_asset: string;
  role: string;
  purpose: string;
  time: string;
}

export interface Order {
  id: string;
  exchange_order_id: string | null;
  symbol: string;
  side: Side;
  type: string;
  status: string;
  purpose: string;
  price: string | null;
  stop_price: string | null;
  quantity: string;
  executed_quantity: string;
  created_at: string;
}

export interface Vote {
  strategy: string;
  family: string;
  side: Side;
  strength: number;
  level: string;
  confidence: number;
  reason: string;
}

export interface Decision {
  id: string;
  symbol: string;
  timeframe: string;
  side: Side;
  strength: number;
  level: string;
  confidence: number;
  price: string;
  strategy: string;
  strategies: string[];
  reason: string;
  verdict: "approved" | "refused" | "pending";
  verdict_reason: string;
  votes: Vote[];
  bar_time: number;
  time: string;
}

export interface ChartSignal {
  id: string;
  time: number;
  side: Side;
  strategy: string;
  strength: number;
  price: string;
  verdict: string;
}

export interface Pocket {
  name: string;
  asset: string;
  share_percent: string;
  total: string;
  used: string;
  reserved: string;
  available: string;
}

export interface Balance {
  asset: string;
  free: string;
  locked: string;
  total: string;
  value_quote: string | null;
}

export interface GlobalStatistics {
  equity: string | null;
  pnl_total: string;
  pnl_day: string;
  fees: string;
  cycles_open: number;
  cycles_completed: number;
  wins: number;
  losses: number;
  win_rate_percent: string | null;
  profit_factor: string | null;
  roi_percent: string | null;
  sharpe: string | null;
  max_drawdown_percent: string | null;
  volume_24h: string;
  trades_24h: number;
}

export interface GroupStatistics {
  name: string;
  cycles: number;
  wins: number;
  win_rate_percent: string | null;
  pnl: string;
  pnl_average: string | null;
  volume: string;
}

export interface EquityPoint {
  time: number;
  value: string;
}

export interface OrderRequest {
  symbol: string;
  side: Side;
  type: "MARKET" | "LIMIT";
  quantity: string;
  price?: string;
}
