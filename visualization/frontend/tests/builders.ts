import type { Candle, Cycle, Trade } from "../src/api/types";

export function cycle(change: Partial<Cycle> = {}): Cycle {
  return {
    id: "cyc-1",
    symbol: "BTCUSDC",
    strategy: "ema_cross",
    managed_by: "strategies",
    pocket: "active",
    side: "BUY",
    status: "active_buy",
    quantity: "0.5",
    exit_quantity: "0",
    entry_price: "100",
    exit_price: null,
    stop_price: "98",
    take_profit_price: "104",
    profit_loss: null,
    profit_loss_percent: null,
    fees: "0",
    reason: "",
    created_at: "2026-03-04T14:00:00+00:00",
    completed_at: null,
    ...change,
  };
}

export function candle(time: number, close: string, isClosed = false): Candle {
  return { time, open: "100", high: "110", low: "90", close, volume: "5", is_closed: isClosed };
}

export function trade(change: Partial<Trade> = {}): Trade {
  return {
    id: "1",
    order_id: "10",
    cycle_id: "cyc-1",
    symbol: "BTCUSDC",
    side: "BUY",
    price: "100",
    quantity: "0.5",
    quote_quantity: "50",
    fee: "0.05",
    fee_asset: "USDC",
    role: "taker",
    purpose: "entry",
    strategy: "ema_cross",
    time: "2026-03-04T14:03:20+00:00",
    ...change,
  };
}
