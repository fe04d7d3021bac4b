import { useEffect, useRef, useState, type ReactNode } from "react";
import { AreaSeries, ColorType, createChart, type IChartApi, type ISeriesApi } from "lightweight-charts";
import type { GlobalStatistics, GroupStatistics } from "../api/types";
import { useEquity, useStats, useStrategyStats, useSymbolStats } from "../hooks/useStats";
import { seconds } from "../lib/candles";
import { color, type ColorName } from "../lib/colors";
import { compact, money, percent, signed, tone, words } from "../lib/format";
import { Panel } from "./ui/Panel";
import { Empty, Loaded } from "./ui/states";

export function Performance() {
  const stats = useStats();
  return (
    <Panel title="Performance" aside="net of fees" testId="performance">
      <EquityCurve />
      <Loaded query={stats} rows={3}>
        {(data) => <Figures stats={data} />}
      </Loaded>
    </Panel>
  );
}

function Figures({ stats }: { stats: GlobalStatistics }) {
  const ratio = (text: string | null, decimals = 2) => (text === null ? "—" : money(text, decimals));
  const figures: [string, ReactNode][] = [
    ["Net PnL", <span className={tone(stats.pnl_total)}>{signed(stats.pnl_total)}</span>],
    ["Return", <span className={tone(stats.roi_percent)}>{percent(stats.roi_percent)}</span>],
    ["Max drawdown", stats.max_drawdown_percent === null ? "—" : `${money(stats.max_drawdown_percent)}%`],
    ["Won / lost", `${stats.wins} / ${stats.losses}`],
    ["Profit factor", ratio(stats.profit_factor)],
    ["Sharpe", ratio(stats.sharpe)],
    ["Cycles", String(stats.cycles_completed)],
    ["Volume 24h", compact(stats.volume_24h)],
    ["Fees", money(stats.fees)],
  ];
  return (
    <dl className="grid grid-cols-3 gap-x-3 gap-y-2 px-3.5 py-3">
      {figures.map(([label, value]) => (
        <div key={label}>
          <dt className="text-2xs text-muted">{label}</dt>
          <dd className="font-medium tabular-nums">{value}</dd>
        </div>
      ))}
    </dl>
  );
}

function EquityCurve() {
  const query = useEquity();
  const container = useRef<HTMLDivElement>(null);
  const chart = useRef<IChartApi | null>(null);
  const series = useRef<ISeriesApi<"Area"> | null>(null);
  const points = query.data ?? [];

  useEffect(() => {
    if (container.current === null) return;
    const drawn = createChart(container.current, {
      autoSize: true,
      layout: {
        background: { type: ColorType.Solid, color: "transparent" },
        textColor: color("muted"),
        fontFamily: '"Inter Variable", system-ui, sans-serif',
        fontSize: 10,
        // The logo stands on the price chart of the same page.
        attributionLogo: false,
      },
      localization: { priceFormatter: (value: number) => money(value) },
      grid: { vertLines: { visible: false }, horzLines: { color: color("grid") } },
      rightPriceScale: { borderVisible: false, entireTextOnly: true, scaleMargins: { top: 0.12, bottom: 0.08 } },
      timeScale: { borderVisible: false, timeVisible: true, minBarSpacing: 0.1 },
      handleScroll: false,
      handleScale: false,
      crosshair: {
        horzLine: { visible: false },
        vertLine: { color: color("faint"), labelBackgroundColor: color("line-strong") },
      },
    });
    chart.current = drawn;
    series.current = drawn.addSeries(AreaSeries, {
      ...areaOf("up"),
      lineWidth: 2,
      priceLineVisible: false,
      lastValueVisible: false,
    });
    return () => {
      series.current = null;
      chart.current = null;
      drawn.remove();
    };
  }, []);

  useEffect(() => {
    // One point is no curve; the panel says so instead.
    const drawn = points.length < 2 ? [] : points;
    series.current?.setData(drawn.map((point) => ({ time: seconds(point.time), value: Number(point.value) })));
    if (drawn.length === 0) return;
    const rises = Number(points.at(-1)?.value) >= Number(points[0]?.value);
    series.current?.applyOptions(areaOf(rises ? "up" : "down"));
    chart.current?.timeScale().fitContent();
  }, [points]);

  return (
    <div className="relative h-32">
      <div ref={container} className="absolute inset-0" data-testid="equity-curve" data-points={points.length} />
      {query.data !== undefined && points.length < 2 && (
        <div className="absolute inset-0">
          <Empty title="The equity curve starts with the second balance snapshot" />
        </div>
      )}
    </div>
  );
}

function areaOf(name: ColorName) {
  return { lineColor: color(name), topColor: color(name, 0.2), bottomColor: color(name, 0) };
}

export function Breakdown() {
  const [by, setBy] = useState<"strategies" | "symbols">("strategies");
  const strategies = useStrategyStats();
  const symbols = useSymbolStats();
  const query = by === "strategies" ? strategies : symbols;
  const choice = (id: typeof by, label: string) => (
    <button
      type="button"
      aria-pressed={by === id}
      className={`rounded px-1.5 py-px ${by === id ? "bg-hover text-ink" : "text-muted hover:text-soft"}`}
      onClick={() => setBy(id)}
    >
      {label}
    </button>
  );
  return (
    <Panel
      title="Profit by"
      aside={
        <span className="flex gap-0.5">
          {choice("strategies", "Strategy")}
          {choice("symbols", "Symbol")}
        </span>
      }
      testId="breakdown"
      className="max-h-80"
      bodyClassName="overflow-auto"
    >
      <Loaded
        query={query}
        isEmpty={(all) => all.length === 0}
        empty={<Empty title="No closed cycles yet" />}
      >
        {(all) => <Groups groups={all} />}
      </Loaded>
    </Panel>
  );
}

function Groups({ groups }: { groups: readonly GroupStatistics[] }) {
  const largest = Math.max(...groups.map((group) => Math.abs(Number(group.pnl))), 1e-9);
  return (
    <table className="data-table [&_.num]:px-1.5">
      <thead>
        <tr>
          <th>Name</th>
          <th className="num">Cycles</th>
          <th className="num">Won</th>
          <th className="num">Net PnL</th>
        </tr>
      </thead>
      <tbody>
        {groups.map((group) => {
          const share = Math.abs(Number(group.pnl)) / largest;
          const tint = Number(group.pnl) >= 0 ? "bg-up/70" : "bg-down/70";
          return (
            <tr key={group.name}>
              <td className="w-full max-w-0">
                <span className="block truncate" title={group.name}>
                  {/^[A-Z0-9]+$/.test(group.name) ? group.name : words(group.name)}
                </span>
                <span className="mt-0.5 block h-0.5 w-full">
                  <span className={`block h-full rounded-full ${tint}`} style={{ width: `${share * 100}%` }} />
                </span>
              </td>
              <td className="num text-soft">{group.cycles}</td>
              <td className="num text-soft">
                {group.win_rate_percent === null ? "—" : `${money(group.win_rate_percent, 0)}%`}
              </td>
              <td className={`num font-medium ${tone(group.pnl)}`}>{signed(group.pnl)}</td>
            </tr>
          );
        })}
      </tbody>
    </table>
  );
}
