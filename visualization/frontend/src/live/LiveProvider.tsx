import { useQueryClient } from "@tanstack/react-query";
import { createContext, useContext, useEffect, useMemo, useSyncExternalStore, type ReactNode } from "react";
import type { Ticker } from "../api/types";
import { LiveSocket, type ClockReading, type ConnectionState } from "./socket";
import { TickerStore } from "./tickers";

interface Live {
  socket: LiveSocket;
  tickers: TickerStore;
}

const LiveContext = createContext<Live | null>(null);

function socketUrl(): string {
  return `${location.protocol === "https:" ? "wss" : "ws"}://${location.host}/ws/live`;
}

export function LiveProvider({ children }: { children: ReactNode }) {
  const queries = useQueryClient();
  const live = useMemo<Live>(() => ({ socket: new LiveSocket(socketUrl()), tickers: new TickerStore() }), []);

  useEffect(() => {
    let wasLive = false;
    const leave = [
      live.socket.onState((state) => {
        if (state !== "live") return;
        // What happened while the line was down is fetched, not guessed.
        if (wasLive) void queries.invalidateQueries();
        wasLive = true;
      }),
      live.socket.subscribe("ticker:*", (data) => {
        for (const ticker of data as Ticker[]) live.tickers.put(ticker);
      }),
    ];
    live.socket.start();
    return () => {
      leave.forEach((stop) => stop());
      live.socket.stop();
    };
  }, [live, queries]);

  return <LiveContext value={live}>{children}</LiveContext>;
}

export function useLive(): Live {
  const live = useContext(LiveContext);
  if (live === null) throw new Error("useLive needs a LiveProvider above it");
  return live;
}

export function useConnection(): ConnectionState {
  const { socket } = useLive();
  return useSyncExternalStore(
    (listener) => socket.onState(listener),
    () => socket.state,
  );
}

export function useTicker(symbol: string): Ticker | undefined {
  const { tickers } = useLive();
  return useSyncExternalStore(
    (listener) => tickers.subscribe(symbol, listener),
    () => tickers.get(symbol),
  );
}

/** Every price, for sums over positions; repaints with each tick, so keep what reads it small. */
export function useAllTickers(): TickerStore {
  const { tickers } = useLive();
  useSyncExternalStore(
    (listener) => tickers.subscribeAny(listener),
    () => tickers.getVersion(),
  );
  return tickers;
}

/** Call a function for each message of a channel. */
export function useChannel(channel: string, onData: (data: unknown) => void): void {
  const { socket } = useLive();
  useEffect(() => socket.subscribe(channel, onData), [socket, channel, onData]);
}

export function useMarketClock(): ClockReading | null {
  const { socket } = useLive();
  return useSyncExternalStore(
    (listener) => socket.onHeartbeat(listener),
    () => socket.clock,
  );
}
