import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useCallback } from "react";
import { api, reply } from "../api/client";
import type { Fill, Trade } from "../api/types";
import { tradeOf, withTrade } from "../lib/trades";
import { useChannel } from "../live/LiveProvider";
import { useRefresh } from "./useRefresh";

const ALL = "all";

/** Fills, newest first: fetched once, then told by the `trades` channel. */
export function useTrades(limit = 100) {
  useFills();
  useRefresh("trades", [["orders"]]);
  return useQuery({
    queryKey: ["trades", ALL, limit],
    queryFn: ({ signal }) => reply(api.GET("/api/trades", { params: { query: { limit } }, signal })),
    refetchInterval: 15_000,
  });
}

export function useSymbolTrades(symbol: string) {
  return useQuery({
    queryKey: ["trades", symbol],
    queryFn: ({ signal }) => reply(api.GET("/api/trades", { params: { query: { symbol, limit: 500 } }, signal })),
    enabled: symbol !== "",
    refetchInterval: 15_000,
  });
}

/** Put a fill into every list it belongs to. */
function useFills(): void {
  const queries = useQueryClient();
  const onFill = useCallback(
    async (data: unknown) => {
      const trade = tradeOf(data as Fill);
      for (const [queryKey, trades] of queries.getQueriesData<Trade[]>({ queryKey: ["trades"] })) {
        if (queryKey[1] !== ALL && queryKey[1] !== trade.symbol) continue;
        if (trades === undefined) {
          void queries.invalidateQueries({ queryKey, exact: true });
          continue;
        }
        // A reply that was asked for before this fill may lack it.
        await queries.cancelQueries({ queryKey, exact: true });
        queries.setQueryData<Trade[]>(queryKey, (shown) => withTrade(shown ?? [], trade));
      }
    },
    [queries],
  );
  useChannel("trades", onFill);
}
