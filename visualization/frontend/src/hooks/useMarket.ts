import { keepPreviousData, useQuery, useQueryClient } from "@tanstack/react-query";
import { useCallback, useEffect, useRef } from "react";
import { api, reply } from "../api/client";
import type { Timeframe } from "../api/types";
import { useLive } from "../live/LiveProvider";

/** The configured symbols with their last price; prices then arrive live. */
export function useSymbols() {
  const { tickers } = useLive();
  const query = useQuery({
    queryKey: ["symbols"],
    queryFn: ({ signal }) => reply(api.GET("/api/symbols", { signal })),
    // While the platform starts, prices come in one by one.
    refetchInterval: ({ state }) => (state.data?.some((info) => info.price === null) === true ? 3_000 : 30_000),
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
      reply(
        api.GET("/api/charts/market/{symbol}", {
          params: { path: { symbol }, query: { interval: timeframe, limit: 1000 } },
          signal,
        }),
      ),
    enabled: symbol !== "",
    staleTime: 0,
    refetchInterval: 60_000,
  });
}

export function useIndicators(symbol: string, timeframe: Timeframe, names: readonly string[]) {
  return useQuery({
    queryKey: ["indicators", symbol, timeframe, names.join(",")],
    queryFn: ({ signal }) =>
      reply(
        api.GET("/api/charts/indicators/{symbol}", {
          params: { path: { symbol }, query: { interval: timeframe, limit: 1000, indicators: names.join(",") } },
          signal,
        }),
      ),
    enabled: symbol !== "" && names.length > 0,
    placeholderData: keepPreviousData,
    refetchInterval: 30_000,
  });
}

/** A function that fetches queries again after a pause; calls during the pause are the same call. */
function useDelayedRefresh(key: string, pauseMs: number): () => void {
  const queries = useQueryClient();
  const timer = useRef<ReturnType<typeof setTimeout> | undefined>(undefined);
  useEffect(() => () => clearTimeout(timer.current), []);
  return useCallback(() => {
    timer.current ??= setTimeout(() => {
      timer.current = undefined;
      void queries.invalidateQueries({ queryKey: [key] });
    }, pauseMs);
  }, [queries, key, pauseMs]);
}

/** Fetch the indicators of a bar once it is closed and had a moment to be analysed. */
export function useNewBar(): (time: number) => void {
  const refresh = useDelayedRefresh("indicators", 1_500);
  const newest = useRef(0);
  return useCallback(
    (time: number) => {
      if (time !== newest.current) refresh();
      newest.current = time;
    },
    [refresh],
  );
}

/** Fetch the candles again when some are missing; storing them may take a moment. */
export function useGap(): () => void {
  return useDelayedRefresh("candles", 3_000);
}
