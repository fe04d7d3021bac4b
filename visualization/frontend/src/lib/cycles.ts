/** What a cycle is worth at the present price: an estimate for the screen; the ledger has the last word. */

import type { Cycle } from "../api/types";
import { toNumber } from "./format";

const CLOSED = new Set(["completed", "canceled", "failed"]);

export function isOpen(cycle: Cycle): boolean {
  return !CLOSED.has(cycle.status);
}

/** What is still held: bought and not sold yet. */
export function remaining(cycle: Cycle): number {
  return Math.max(0, (toNumber(cycle.quantity) ?? 0) - (toNumber(cycle.exit_quantity) ?? 0));
}

/** A cycle that holds a position: it was filled and is not flat yet. */
export function holdsPosition(cycle: Cycle): boolean {
  return isOpen(cycle) && toNumber(cycle.entry_price) !== null && remaining(cycle) > 0;
}

export interface Estimate {
  value: number;
  pnl: number;
  percent: number;
}

export function unrealised(cycle: Cycle, lastPrice: string | number | null | undefined): Estimate | null {
  const entry = toNumber(cycle.entry_price);
  const quantity = remaining(cycle);
  const last = toNumber(lastPrice);
  if (!holdsPosition(cycle) || entry === null || last === null || entry === 0) return null;
  return { value: last * quantity, pnl: (last - entry) * quantity, percent: ((last - entry) / entry) * 100 };
}

/** Where the price stands between stop (0) and take-profit (1); null when either is not set. */
export function progress(cycle: Cycle, lastPrice: string | number | null | undefined): number | null {
  const stop = toNumber(cycle.stop_price);
  const target = toNumber(cycle.take_profit_price);
  const last = toNumber(lastPrice);
  if (stop === null || target === null || last === null || target <= stop) return null;
  return Math.min(1, Math.max(0, (last - stop) / (target - stop)));
}
