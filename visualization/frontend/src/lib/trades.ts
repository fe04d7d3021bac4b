/** A fill between the live channel and the lists of trades. */

import type { Fill, Trade } from "../api/types";

const TRADES_MAX = 500;

export function tradeOf(fill: Fill): Trade {
  return {
    id: fill.execution_id,
    order_id: fill.order_id,
    cycle_id: fill.cycle_id,
    symbol: fill.symbol,
    side: fill.side,
    price: fill.price,
    quantity: fill.quantity,
    quote_quantity: fill.quote_quantity,
    fee: fill.fee,
    fee_asset: fill.fee_asset,
    role: fill.role,
    purpose: fill.purpose,
    strategy: fill.strategy,
    time: fill.occurred_at,
  };
}

/** The trades with one more, newest first; one that is told twice is there once. */
export function withTrade(trades: readonly Trade[], trade: Trade): Trade[] {
  if (trades.some((known) => known.id === trade.id)) return [...trades];
  const place = trades.findIndex((known) => Date.parse(known.time) <= Date.parse(trade.time));
  return trades.toSpliced(place === -1 ? trades.length : place, 0, trade).slice(0, TRADES_MAX);
}
