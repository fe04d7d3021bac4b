import { useCallback, useEffect, useMemo, useRef, useState } from "react";
import { TIMEFRAMES, type Candle, type Cycle, type Timeframe } from "../../api/types";
import { useCycle } from "../../hooks/useCycles";
import { useCandles, useGap, useIndicators, useNewBar } from "../../hooks/useMarket";
import { useChartSignals } from "../../hooks/useSignals";
import { useSymbolTrades } from "../../hooks/useTrades";
import { frameMs } from "../../lib/candles";
import { baseOf, compact, percent, price, shortDateTime, tone, toNumber } from "../../lib/format";
import { inOrder, signalMarkers, tradeMarkers } from "../../lib/markers";
import { useChannel, useTicker } from "../../live/LiveProvider";
import { Price } from "../Price";
import { Panel } from "../ui/Panel";
import { Empty, Problem } from "../ui/states";
import { columnsOf, GROUPS, type IndicatorGroup } from "./indicators";
import { ChartScene, type Level } from "./scene";

interface PriceChartProps {
  symbol: string;
  quote: string;
  timeframe: Timeframe;
  onTimeframe: (timeframe: Timeframe) => void;
  className?: string;
}

export function PriceChart({ symbol, quote, timeframe, onTimeframe, className = "" }: PriceChartProps) {
  const [groups, setGroups] = useState<IndicatorGroup[]>(["EMA"]);
  const [marks, setMarks] = useState({ signals: true, trades: true });
  const toggle = (group: IndicatorGroup) =>
    setGroups((on) => GROUPS.filter((each) => (each === group ? !on.includes(each) : on.includes(each))));

  return (
    <Panel className={className} bodyClassName="flex flex-col" testId="chart-panel">
      <div className="flex shrink-0 flex-wrap items-center gap-x-4 gap-y-1 border-b border-line px-3 py-1.5">
        <Heading symbol={symbol} quote={quote} />
        <div className="flex gap-0.5" role="group" aria-label="Time frame">
          {TIMEFRAMES.map((frame) => (
            <Chip key={frame} isOn={frame === timeframe} onClick={() => onTimeframe(frame)} testId={`timeframe-${frame}`}>
              {frame}
            </Chip>
          ))}
        </div>
        <div className="ml-auto flex flex-wrap gap-0.5" role="group" aria-label="What the chart shows">
          {GROUPS.map((group) => (
            <Chip key={group} isOn={groups.includes(group)} onClick={() => toggle(group)}>
              {group}
            </Chip>
          ))}
          <span className="mx-1 w-px self-stretch bg-line" />
          <Chip isOn={marks.signals} onClick={() => setMarks({ ...marks, signals: !marks.signals })}>
            Signals
          </Chip>
          <Chip isOn={marks.trades} onClick={() => setMarks({ ...marks, trades: !marks.trades })}>
            Trades
          </Chip>
        </div>
      </div>
      <Canvas symbol={symbol} timeframe={timeframe} groups={groups} marks={marks} />
    </Panel>
  );
}

interface ChipProps {
  isOn: boolean;
  onClick: () => void;
  children: string;
  testId?: string;
}

function Chip({ isOn, onClick, children, testId }: ChipProps) {
  return (
    <button
      type="button"
      aria-pressed={isOn}
      data-testid={testId}
      className={`rounded px-1.5 py-0.5 text-[0.8rem] font-medium ${isOn ? "bg-hover text-ink" : "text-muted hover:text-soft"}`}
      onClick={onClick}
    >
      {children}
    </button>
  );
}

function Heading({ symbol, quote }: { symbol: string; quote: string }) {
  const ticker = useTicker(symbol);
  const change = ticker?.change_percent;
  useEffect(() => {
    document.title = ticker === undefined ? "RootTrading" : `${price(ticker.price)} ${symbol} · RootTrading`;
  }, [symbol, ticker]);
  return (
    <div className="flex items-baseline gap-2">
      <h1 className="text-[1.07rem] font-semibold" data-testid="chart-symbol" data-symbol={symbol}>
        {baseOf(symbol, quote)}
        <span className="ml-1 text-[0.857rem] font-normal text-muted">{quote}</span>
      </h1>
      <span className="text-[1.07rem] font-semibold" data-testid="last-price">
        <Price symbol={symbol} />
      </span>
      <span className={`text-[0.857rem] tabular-nums ${tone(change)}`}>{percent(change)}</span>
    </div>
  );
}

interface CanvasProps {
  symbol: string;
  timeframe: Timeframe;
  groups: readonly IndicatorGroup[];
  marks: { signals: boolean; trades: boolean };
}

function Canvas({ symbol, timeframe, groups, marks }: CanvasProps) {
  const container = useRef<HTMLDivElement>(null);
  const scene = useRef<ChartScene | null>(null);
  const view = useRef("");
  const [hovered, setHovered] = useState<Candle | undefined>(undefined);
  const [latest, setLatest] = useState<Candle | undefined>(undefined);
  const candles = useCandles(symbol, timeframe);
  const columns = useMemo(() => columnsOf(groups), [groups]);
  const indicators = useIndicators(symbol, timeframe, columns);
  const signals = useChartSignals(symbol, timeframe);
  const trades = useSymbolTrades(symbol);
  const cycle = useCycle(symbol);
  const onNewBar = useNewBar();
  const onGap = useGap();

  useEffect(() => {
    if (container.current === null) return;
    const drawn = new ChartScene(container.current, setHovered);
    scene.current = drawn;
    view.current = "";
    return () => {
      scene.current = null;
      drawn.destroy();
    };
  }, []);

  useEffect(() => {
    const chart = candles.data;
    if (chart === undefined || chart.symbol !== symbol || chart.interval !== timeframe) {
      scene.current?.show([], frameMs(timeframe), true);
      return;
    }
    const key = `${symbol}/${timeframe}`;
    const isNewView = view.current !== key && chart.candles.length > 0;
    if (scene.current?.show(chart.candles, frameMs(timeframe), isNewView) === true) onGap();
    if (chart.candles.length > 0) view.current = key;
    setLatest(chart.candles.at(-1));
  }, [candles.data, symbol, timeframe, onGap]);

  const onLive = useCallback(
    (data: unknown) => {
      const candle = data as Candle;
      if (view.current === "") {
        // A live candle alone would be a chart of one bar: it says that there is a history to fetch by now.
        onGap();
        return;
      }
      const outcome = scene.current?.update(candle, frameMs(timeframe)) ?? "stale";
      if (outcome === "stale") return;
      setLatest(candle);
      onNewBar(candle.time);
      if (outcome === "gap") onGap();
    },
    [onNewBar, onGap, timeframe],
  );
  useChannel(`market:${symbol}:${timeframe}`, onLive);

  useEffect(() => {
    scene.current?.setIndicators(groups, indicators.data?.symbol === symbol ? indicators.data.indicators : {});
  }, [groups, indicators.data, symbol]);

  const first = candles.data?.symbol === symbol ? (candles.data.candles[0]?.time ?? Infinity) : Infinity;
  useEffect(() => {
    const shown = [
      ...(marks.signals ? signalMarkers((signals.data ?? []).filter((each) => each.time >= first), timeframe) : []),
      ...(marks.trades
        ? tradeMarkers((trades.data ?? []).filter((each) => Date.parse(each.time) >= first), timeframe)
        : []),
    ];
    scene.current?.setMarkers(inOrder(shown));
    if (container.current !== null) container.current.dataset["markers"] = String(shown.length);
  }, [signals.data, trades.data, marks, timeframe, first]);

  useEffect(() => scene.current?.setLevels(levelsOf(cycle)), [cycle]);

  return (
    <div className="relative min-h-72 flex-1">
      <Legend candle={hovered ?? latest} />
      <div ref={container} className="absolute inset-0" data-testid="chart" />
      {candles.isPending && <p className="absolute inset-0 grid place-items-center text-muted">Loading candles…</p>}
      {candles.isError && candles.data === undefined && (
        <div className="absolute inset-0">
          <Problem error={candles.error} onRetry={() => void candles.refetch()} />
        </div>
      )}
      {candles.data?.candles.length === 0 && (
        <div className="absolute inset-0">
          <Empty title={`No ${timeframe} candles of ${symbol} yet`} hint="They appear as soon as the first bar arrives." />
        </div>
      )}
    </div>
  );
}

function levelsOf(cycle: Cycle | undefined): Level[] {
  const levels: [string, string | null | undefined, Level["color"], Level["style"]][] = [
    ["Entry", cycle?.entry_price, "accent", "solid"],
    ["Stop", cycle?.stop_price, "down", "dashed"],
    ["Target", cycle?.take_profit_price, "up", "dashed"],
  ];
  return levels.flatMap(([title, text, color, style]) => {
    const value = toNumber(text);
    return value === null ? [] : [{ title, price: value, color, style }];
  });
}

function Legend({ candle }: { candle: Candle | undefined }) {
  if (candle === undefined) return null;
  const color = Number(candle.close) >= Number(candle.open) ? "text-up" : "text-down";
  const parts: [string, string][] = [
    ["O", price(candle.open)],
    ["H", price(candle.high)],
    ["L", price(candle.low)],
    ["C", price(candle.close)],
    ["Vol", compact(candle.volume)],
  ];
  return (
    <div className="pointer-events-none absolute top-1.5 left-3 z-10 flex flex-wrap gap-x-2.5 text-2xs text-muted tabular-nums">
      <span>{shortDateTime(candle.time)}</span>
      {parts.map(([name, text]) => (
        <span key={name}>
          {name} <span className={name === "Vol" ? "text-soft" : color}>{text}</span>
        </span>
      ))}
    </div>
  );
}
