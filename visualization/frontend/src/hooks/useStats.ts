import { useQuery } from "@tanstack/react-query";
import { get } from "../api/client";
import type { EquityPoint, GlobalStatistics, GroupStatistics } from "../api/types";
import { useRefresh } from "./useRefresh";

/** Figures over everything that was traded: profit, win rate, drawdown, volume. */
export function useStats() {
  useRefresh("cycles", [["statistics"], ["equity"]]);
  return useQuery({
    queryKey: ["statistics", "global"],
    queryFn: ({ signal }) => get<GlobalStatistics>("/api/statistics/global", signal),
    refetchInterval: 15_000,
  });
}

export function useStrategyStats() {
  return useQuery({
    queryKey: ["statistics", "strategies"],
    queryFn: ({ signal }) => get<GroupStatistics[]>("/api/statistics/strategies", signal),
    refetchInterval: 30_000,
  });
}

export function useSymbolStats() {
  return useQuery({
    queryKey: ["statistics", "symbols"],
    queryFn: ({ signal }) => get<GroupStatistics[]>("/api/statistics/symbols", signal),
    refetchInterval: 30_000,
  });
}

export function useEquity() {
  return useQuery({
    queryKey: ["equity"],
    queryFn: ({ signal }) => get<EquityPoint[]>("/api/equity", signal),
    refetchInterval: 15_000,
  });
}
