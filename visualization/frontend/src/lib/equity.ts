/** What the account is worth at the present prices: an estimate that moves with each tick. */

import type { Balance } from "../api/types";
import { toNumber } from "./format";

type PriceOf = (symbol: string) => string | undefined;

/** Null as long as an asset that is held has no price at all: half a sum would read as a loss. */
export function liveEquity(balances: readonly Balance[], quote: string, priceOf: PriceOf): number | null {
  let sum = 0;
  for (const balance of balances) {
    const total = toNumber(balance.total) ?? 0;
    if (total === 0) continue;
    if (balance.asset === quote) {
      sum += total;
      continue;
    }
    const price = toNumber(priceOf(`${balance.asset}${quote}`));
    const value = price === null ? toNumber(balance.value_quote) : price * total;
    if (value === null) return null;
    sum += value;
  }
  return sum;
}
