import { useQuery } from "@tanstack/react-query";
import { api, reply } from "../api/client";
import { useRefresh } from "./useRefresh";

/** Figures over everything that was traded: profit, win rate, drawdown, volume. */
export function useStats() {
  useRefresh("cycles", [["statistics"], ["equity"]]);
  return useQuery({
    queryKey: ["statistics", "global"],
    queryFn: ({ signal }) => reply(api.GET("/api/statistics/global", { signal })),
    refetchInterval: 15_000,
  });
}

export function useStrategyStats() {
  return useQuery({
    queryKey: ["statistics", "strategies"],
    queryFn: ({ signal }) => reply(api.GET("/api/statistics/strategies", { signal })),
    refetchInterval: 30_000,
  });
}

export function useSymbolStats() {
  return useQuery({
    queryKey: ["statistics", "symbols"],
    queryFn: ({ signal }) => reply(api.GET("/api/statistics/symbols", { signal })),
    refetchInterval: 30_000,
  });
}

export function useEquity() {
  return useQuery({
    queryKey: ["equity"],
    queryFn: ({ signal }) => reply(api.GET("/api/equity", { signal })),
    refetchInterval: 15_000,
  });
}
