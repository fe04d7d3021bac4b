import { useQuery } from "@tanstack/react-query";
import { api, reply } from "../api/client";
import type { Timeframe } from "../api/types";
import { useRefresh } from "./useRefresh";

/** Consensus decisions with the votes behind them, newest first. */
export function useSignals(limit = 60) {
  useRefresh("signals", [["decisions"], ["signals"]]);
  return useQuery({
    queryKey: ["decisions", limit],
    queryFn: ({ signal }) => reply(api.GET("/api/decisions", { params: { query: { limit } }, signal })),
    refetchInterval: 15_000,
  });
}

export function useChartSignals(symbol: string, timeframe: Timeframe) {
  return useQuery({
    queryKey: ["signals", symbol, timeframe],
    queryFn: ({ signal }) => reply(api.GET("/api/charts/signals/{symbol}", { params: { path: { symbol }, query: { limit: 500 } }, signal })),
    enabled: symbol !== "",
    refetchInterval: 20_000,
  });
}
