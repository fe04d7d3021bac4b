/** The last price of every symbol, outside React: a tick repaints the cells of its own symbol and nothing else. */

import type { Ticker } from "../api/types";

export class TickerStore {
  private readonly tickers = new Map<string, Ticker>();
  private readonly listeners = new Map<string, Set<() => void>>();
  private readonly anyListeners = new Set<() => void>();
  private version = 0;

  get(symbol: string): Ticker | undefined {
    return this.tickers.get(symbol);
  }

  /** Changes with every tick: the snapshot of those who read all symbols. */
  getVersion(): number {
    return this.version;
  }

  put(ticker: Ticker): void {
    const known = this.tickers.get(ticker.symbol);
    if (known !== undefined && known.time > ticker.time) return;
    // A tick that does not know the day's change keeps the one that is known.
    const change = ticker.change_percent ?? known?.change_percent ?? null;
    this.tickers.set(ticker.symbol, { ...ticker, change_percent: change });
    this.version += 1;
    this.listeners.get(ticker.symbol)?.forEach((listener) => listener());
    this.anyListeners.forEach((listener) => listener());
  }

  subscribe(symbol: string, listener: () => void): () => void {
    const set = this.listeners.get(symbol) ?? new Set<() => void>();
    set.add(listener);
    this.listeners.set(symbol, set);
    return () => set.delete(listener);
  }

  subscribeAny(listener: () => void): () => void {
    this.anyListeners.add(listener);
    return () => this.anyListeners.delete(listener);
  }
}
