import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { useEffect } from "react";
import { get } from "../api/client";
import type { IndicatorChart, MarketChart, SymbolInfo, Timeframe } from "../api/types";
import { useLive } from "../live/LiveProvider";

/** The configured symbols with their last price; prices then arrive live. */
export function useSymbols() {
  const { tickers } = useLive();
  const query = useQuery({
    queryKey: ["symbols"],
    queryFn: ({ signal }) => get<SymbolInfo[]>("/api/symbols", signal),
    refetchInterval: 30_000,
  });
  useEffect(() => {
    for (const info of query.data ?? []) {
      if (info.price === null || info.time === null) continue;
      tickers.put({
        symbol: info.symbol,
        price: info.price,
        change_percent: info.change_percent,
        time: info.time,
      });
    }
  }, [query.data, tickers]);
  return query;
}

export function useCandles(symbol: string, timeframe: Timeframe) {
  return useQuery({
    queryKey: ["candles", symbol, timeframe],
    queryFn: ({ signal }) =>
      get<MarketChart>(`/api/charts/market/${symbol}?interval=${timeframe}&limit=1000`, signal),
    enabled: symbol !== "",
    staleTime: 0,
    refetchInterval: 60_000,
  });
}

export function useIndicators(symbol: string, timeframe: Timeframe, names: readonly string[]) {
  return useQuery({
    queryKey: ["indicators", symbol, timeframe, names.join(",")],
    queryFn: ({ signal }) =>
      get<IndicatorChart>(
        `/api/charts/indicators/${symbol}?interval=${timeframe}&limit=1000&indicators=${names.join(",")}`,
        signal,
      ),
    enabled: symbol !== "" && names.length > 0,
    placeholderData: keepPreviousData,
    refetchInterval: 5_000,
  });
}
