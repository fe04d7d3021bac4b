/** The chart as an object: React says what is to be seen, this draws it with lightweight-charts. */

import {
  CandlestickSeries,
  ColorType,
  createChart,
  createSeriesMarkers,
  CrosshairMode,
  HistogramSeries,
  LineSeries,
  LineStyle,
  type IChartApi,
  type IPriceLine,
  type ISeriesApi,
  type ISeriesMarkersPluginApi,
  type SeriesMarker,
  type Time,
  type UTCTimestamp,
} from "lightweight-charts";
import type { Candle, IndicatorPoint } from "../../api/types";
import { bar, hasGap, seconds, supersedes, volumeBar } from "../../lib/candles";
import { color, type ColorName } from "../../lib/colors";
import { price, priceDecimals } from "../../lib/format";
import { INDICATORS, type IndicatorGroup, type IndicatorLine } from "./indicators";

export interface Level {
  title: string;
  price: number;
  color: ColorName;
  style: "solid" | "dashed";
}

const BARS_SHOWN = 130;

export class ChartScene {
  private readonly chart: IChartApi;
  private readonly candles: ISeriesApi<"Candlestick">;
  private readonly volume: ISeriesApi<"Histogram">;
  private readonly markers: ISeriesMarkersPluginApi<Time>;
  private readonly indicators = new Map<string, ISeriesApi<"Line" | "Histogram">>();
  private groups = "";
  private levels: IPriceLine[] = [];
  private byTime = new Map<number, Candle>();
  private last: Candle | undefined;

  constructor(
    private readonly container: HTMLElement,
    onHover: (candle: Candle | undefined) => void,
  ) {
    const crosshair = { color: color("faint"), labelBackgroundColor: color("line-strong") };
    this.chart = createChart(container, {
      autoSize: true,
      layout: {
        background: { type: ColorType.Solid, color: "transparent" },
        textColor: color("muted"),
        fontFamily: '"Inter Variable", system-ui, sans-serif',
        fontSize: 11,
        panes: { separatorColor: color("line"), separatorHoverColor: color("line-strong"), enableResize: true },
      },
      grid: { vertLines: { color: color("grid") }, horzLines: { color: color("grid") } },
      crosshair: { mode: CrosshairMode.Normal, vertLine: crosshair, horzLine: crosshair },
      rightPriceScale: { borderColor: color("line"), entireTextOnly: true, scaleMargins: { top: 0.08, bottom: 0.2 } },
      localization: { priceFormatter: price },
      timeScale: { borderColor: color("line"), timeVisible: true, secondsVisible: false, rightOffset: 8 },
    });
    this.candles = this.chart.addSeries(CandlestickSeries, {
      upColor: color("up"),
      downColor: color("down"),
      wickUpColor: color("up"),
      wickDownColor: color("down"),
      borderVisible: false,
    });
    this.volume = this.chart.addSeries(HistogramSeries, {
      priceScaleId: "volume",
      priceFormat: { type: "volume" },
      lastValueVisible: false,
      priceLineVisible: false,
    });
    this.volume.priceScale().applyOptions({ scaleMargins: { top: 0.86, bottom: 0 } });
    this.markers = createSeriesMarkers(this.candles, []);
    this.chart.subscribeCrosshairMove((event) => {
      onHover(event.time === undefined ? undefined : this.byTime.get(event.time as number));
    });
  }

  /** Draw a history. What arrived live since it was stored stays: the history only fills in what is older. True when
   * bars between the two are still missing. */
  show(history: readonly Candle[], frameMs: number, isNewView: boolean): boolean {
    const end = history.at(-1)?.time ?? Infinity;
    const newer = isNewView ? [] : [...this.byTime.values()].filter((candle) => candle.time > end);
    const candles = [...history, ...newer];
    this.byTime = new Map(candles.map((candle) => [seconds(candle.time), candle]));
    this.last = candles.at(-1);
    if (this.last !== undefined) {
      const precision = priceDecimals(Number(this.last.close));
      this.candles.applyOptions({ priceFormat: { type: "price", precision, minMove: 10 ** -precision } });
    }
    this.candles.setData(candles.map(bar));
    this.volume.setData(candles.map(volumeBar));
    this.describe();
    if (!isNewView) return hasGap([...history.slice(-1), ...newer], frameMs);
    this.chart.priceScale("right").applyOptions({ autoScale: true });
    const count = candles.length;
    this.chart.timeScale().setVisibleLogicalRange({ from: Math.max(0, count - BARS_SHOWN), to: count + 8 });
    return false;
  }

  /** Draw a live candle. `stale`: older than what is shown; `gap`: bars are missing between it and those shown. */
  update(candle: Candle, frameMs: number): "drawn" | "gap" | "stale" {
    if (!supersedes(candle, this.last)) return "stale";
    const before = this.last;
    this.last = candle;
    this.byTime.set(seconds(candle.time), candle);
    this.candles.update(bar(candle));
    this.volume.update(volumeBar(candle));
    this.describe();
    return before !== undefined && hasGap([before, candle], frameMs) ? "gap" : "drawn";
  }

  setMarkers(markers: SeriesMarker<UTCTimestamp>[]): void {
    this.markers.setMarkers(markers);
  }

  setLevels(levels: readonly Level[]): void {
    this.levels.forEach((line) => this.candles.removePriceLine(line));
    this.levels = levels.map((level) =>
      this.candles.createPriceLine({
        price: level.price,
        color: color(level.color),
        title: level.title,
        lineWidth: 1,
        lineStyle: level.style === "solid" ? LineStyle.Solid : LineStyle.Dashed,
        axisLabelVisible: true,
      }),
    );
  }

  setIndicators(groups: readonly IndicatorGroup[], values: Record<string, IndicatorPoint[]>): void {
    if (this.groups !== groups.join()) this.lay(groups);
    for (const [column, series] of this.indicators) {
      // A value that is not known yet leaves a gap; it is never drawn as zero.
      series.setData(
        (values[column] ?? []).map((point) =>
          point.value === null ? { time: seconds(point.time) } : { time: seconds(point.time), value: point.value },
        ),
      );
    }
  }

  destroy(): void {
    this.chart.remove();
  }

  private lay(groups: readonly IndicatorGroup[]): void {
    this.groups = groups.join();
    this.indicators.forEach((series) => this.chart.removeSeries(series));
    this.indicators.clear();
    let nextPane = 1;
    for (const group of groups) {
      const { pane, lines } = INDICATORS[group];
      const index = pane === 0 ? 0 : nextPane;
      if (pane !== 0) nextPane += 1;
      for (const line of lines) this.addLine(line, index);
    }
    this.chart.panes().forEach((pane, index) => pane.setStretchFactor(index === 0 ? 4 : 1));
  }

  private addLine(line: IndicatorLine, pane: number): void {
    const options = { color: color(line.color), lastValueVisible: pane !== 0, priceLineVisible: false };
    const isHistogram = line.kind === "histogram";
    const series: ISeriesApi<"Line" | "Histogram"> = isHistogram
      ? this.chart.addSeries(HistogramSeries, options, pane)
      : this.chart.addSeries(LineSeries, { ...options, lineWidth: 1, crosshairMarkerVisible: false }, pane);
    this.indicators.set(line.column, series);
  }

  /** What is drawn, readable by tests and by the curious: a canvas tells nothing by itself. */
  private describe(): void {
    this.container.dataset["bars"] = String(this.byTime.size);
    this.container.dataset["lastTime"] = String(this.last?.time ?? "");
    this.container.dataset["lastClose"] = this.last?.close ?? "";
  }
}
