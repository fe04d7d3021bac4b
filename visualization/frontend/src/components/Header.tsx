import { useEffect, useState, type ReactNode } from "react";
import type { SystemStatus } from "../api/types";
import { useActions } from "../hooks/useActions";
import { useCycles } from "../hooks/useCycles";
import { usePortfolio } from "../hooks/usePortfolio";
import { useStats } from "../hooks/useStats";
import { unrealised } from "../lib/cycles";
import { liveEquity } from "../lib/equity";
import { clockDate, clockTime, money, percent, signed, toNumber, tone } from "../lib/format";
import { useAllTickers, useConnection, useMarketClock } from "../live/LiveProvider";
import { Button, Confirm } from "./ui/controls";

export function Header({ system, onOrder }: { system: SystemStatus | undefined; onOrder: () => void }) {
  return (
    <header className="sticky top-0 z-30 flex flex-wrap items-center gap-x-5 gap-y-1.5 border-b border-line bg-ground/95 px-3 py-2 backdrop-blur">
      <div className="flex items-center gap-2.5">
        <Logo />
        <span className="text-[1.07rem] font-semibold tracking-tight">RootTrading</span>
        <ModeBadge system={system} />
      </div>
      <Connection />
      <MarketClock system={system} />
      <Figures quote={system?.quote_asset ?? ""} />
      <div className="ml-auto flex items-center gap-2">
        <TradingState system={system} />
        <Button tone="accent" onClick={onOrder} data-testid="open-ticket">
          New order
        </Button>
      </div>
    </header>
  );
}

function Logo() {
  return (
    <svg viewBox="0 0 32 32" className="size-6" aria-hidden="true">
      <rect width="32" height="32" rx="8" className="fill-logo" />
      <path
        d="M16 26V14M16 14C16 9.5 12.5 7 8 7c0 4.500 3 7 8 7Zm0 4c0-4 3-6.500 8-6.500 0 4.500-3 6.500-8 6.500Z"
        fill="none"
        className="stroke-up"
        strokeWidth="2.4"
        strokeLinecap="round"
        strokeLinejoin="round"
      />
    </svg>
  );
}

function ModeBadge({ system }: { system: SystemStatus | undefined }) {
  if (system === undefined) return null;
  const isLive = system.mode === "live";
  return (
    <span
      data-testid="mode"
      title={isLive ? "Orders use real money" : "No real money is at stake"}
      className={`rounded px-1.5 py-px text-2xs font-semibold ${
        isLive ? "bg-down/15 text-down ring-1 ring-down/40" : "bg-accent/12 text-accent"
      }`}
    >
      {isLive ? "Live" : system.simulated ? "Demo" : "Paper"}
    </span>
  );
}

const CONNECTION = {
  live: { dot: "bg-up", word: "Live" },
  connecting: { dot: "bg-warn", word: "Connecting" },
  lost: { dot: "bg-down", word: "Reconnecting" },
} as const;

function Connection() {
  const state = useConnection();
  const { dot, word } = CONNECTION[state];
  return (
    <span className="flex items-center gap-1.5 text-[0.857rem] text-soft" data-testid="connection" data-state={state}>
      <span className="relative flex size-2">
        {state === "live" && <span className={`absolute size-full animate-ping rounded-full opacity-50 ${dot}`} />}
        <span className={`relative size-2 rounded-full ${dot}`} />
      </span>
      {word}
    </span>
  );
}

function MarketClock({ system }: { system: SystemStatus | undefined }) {
  const reading = useMarketClock();
  const [, setBeat] = useState(0);
  useEffect(() => {
    const timer = setInterval(() => setBeat((beat) => beat + 1), 200);
    return () => clearInterval(timer);
  }, []);
  const speed = reading?.speed ?? system?.clock_speed ?? 1;
  const ms = reading === null ? system?.market_ms : reading.marketMs + (Date.now() - reading.wallMs) * reading.speed;
  if (ms === undefined) return null;
  return (
    <span className="flex items-baseline gap-1.5 whitespace-nowrap" title="Market time, UTC">
      <span className="font-medium tabular-nums" data-testid="market-clock">
        {clockTime(ms)}
      </span>
      <span className="hidden text-2xs text-muted sm:inline">{clockDate(ms)} UTC</span>
      {speed !== 1 && <span className="rounded bg-raised px-1 text-2xs text-warn">{`${speed}×`}</span>}
    </span>
  );
}

function Figure({ label, children, testId }: { label: string; children: ReactNode; testId: string }) {
  return (
    <div className="leading-tight whitespace-nowrap">
      <div className="text-2xs text-muted">{label}</div>
      <div className="font-semibold tabular-nums" data-testid={testId}>
        {children}
      </div>
    </div>
  );
}

function Figures({ quote }: { quote: string }) {
  const { data: stats } = useStats();
  const { data: open } = useCycles("open");
  const { balances } = usePortfolio();
  const tickers = useAllTickers();
  const equity =
    balances.data === undefined || balances.data.length === 0
      ? null
      : liveEquity(balances.data, quote, (symbol) => tickers.get(symbol)?.price);
  const openPnl = (open ?? []).reduce(
    (sum, cycle) => sum + (unrealised(cycle, tickers.get(cycle.symbol)?.price)?.pnl ?? 0),
    0,
  );
  const worth = equity ?? toNumber(stats?.equity);
  const day = toNumber(stats?.pnl_day);
  return (
    <div className="flex items-center gap-x-5 overflow-x-auto">
      <Figure label={`Equity ${quote}`} testId="equity">
        {money(worth)}
      </Figure>
      <Figure label="Realised today" testId="day-pnl">
        <span className={tone(day)}>{signed(day)}</span>
        {day !== null && worth !== null && worth - day > 0 && (
          <span className={`ml-1 text-2xs font-medium ${tone(day)}`}>{percent((day / (worth - day)) * 100)}</span>
        )}
      </Figure>
      <Figure label="Open positions" testId="open-pnl">
        <span className={tone(openPnl)}>{signed(openPnl)}</span>
      </Figure>
      <Figure label="Win rate" testId="win-rate">
        {stats?.win_rate_percent === null || stats === undefined ? "—" : `${money(stats.win_rate_percent, 0)}%`}
      </Figure>
    </div>
  );
}

const STATES = {
  running: { text: "Trading", dot: "bg-up" },
  paused: { text: "Paused", dot: "bg-warn" },
  halted: { text: "Halted", dot: "bg-down" },
  unknown: { text: "Trader unreachable", dot: "bg-faint" },
} as const;

function TradingState({ system }: { system: SystemStatus | undefined }) {
  const { pause, resume } = useActions();
  if (system === undefined) return null;
  const { state, reason } = system.trading;
  const { text, dot } = STATES[state];
  return (
    <div className="flex items-center gap-2.5">
      <span
        className="flex items-center gap-1.5 text-[0.857rem] text-soft"
        data-testid="trading-state"
        data-state={state}
        title={reason}
      >
        <span className={`size-2 rounded-sm ${dot}`} />
        {text}
      </span>
      {state === "running" && (
        <Confirm question="Pause now?" onConfirm={pause} testId="pause">
          Pause
        </Confirm>
      )}
      {(state === "paused" || state === "halted") && (
        <Confirm question="Resume now?" tone="up" onConfirm={resume} testId="resume">
          Resume
        </Confirm>
      )}
    </div>
  );
}
