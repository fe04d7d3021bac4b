import { useQuery } from "@tanstack/react-query";
import { get } from "../api/client";
import type { ChartSignal, Decision, Timeframe } from "../api/types";
import { useRefresh } from "./useRefresh";

/** Consensus decisions with the votes behind them, newest first. */
export function useSignals(limit = 60) {
  useRefresh("signals", [["decisions"], ["signals"]]);
  return useQuery({
    queryKey: ["decisions", limit],
    queryFn: ({ signal }) => get<Decision[]>(`/api/decisions?limit=${limit}`, signal),
    refetchInterval: 15_000,
  });
}

export function useChartSignals(symbol: string, timeframe: Timeframe) {
  return useQuery({
    queryKey: ["signals", symbol, timeframe],
    queryFn: ({ signal }) => get<ChartSignal[]>(`/api/charts/signals/${symbol}?limit=500`, signal),
    enabled: symbol !== "",
    refetchInterval: 20_000,
  });
}
