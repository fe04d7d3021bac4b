import { useDeferredValue, useEffect, useRef, useState } from "react";
import type { SymbolInfo } from "../api/types";
import { useCycles } from "../hooks/useCycles";
import { useSymbols } from "../hooks/useMarket";
import { compact, percent, tone } from "../lib/format";
import { useTicker } from "../live/LiveProvider";
import { Price } from "./Price";
import { Panel } from "./ui/Panel";
import { Empty, Loaded } from "./ui/states";

interface SymbolListProps {
  selected: string;
  onSelect: (symbol: string) => void;
  className?: string;
}

export function SymbolList({ selected, onSelect, className = "" }: SymbolListProps) {
  const query = useSymbols();
  const { data: open } = useCycles("open");
  const [text, setText] = useState("");
  const wanted = useDeferredValue(text.trim().toUpperCase());
  const search = useRef<HTMLInputElement>(null);
  const held = new Set((open ?? []).map((cycle) => cycle.symbol));

  useEffect(() => {
    const onKey = (event: KeyboardEvent) => {
      const isTyping = event.target instanceof HTMLElement && /INPUT|SELECT|TEXTAREA/.test(event.target.tagName);
      if (event.key !== "/" || isTyping) return;
      event.preventDefault();
      search.current?.focus();
    };
    window.addEventListener("keydown", onKey);
    return () => window.removeEventListener("keydown", onKey);
  }, []);

  return (
    <Panel className={className} bodyClassName="flex flex-col" testId="symbols">
      <div className="hidden shrink-0 p-2 lg:block">
        <input
          ref={search}
          type="search"
          placeholder="Search symbols  /"
          aria-label="Search symbols"
          className="w-full rounded-md border border-line bg-ground px-2.5 py-1 text-[0.857rem] placeholder:text-faint"
          value={text}
          onChange={(event) => setText(event.target.value)}
        />
      </div>
      <Loaded query={query} rows={12} isEmpty={(symbols) => symbols.length === 0} empty={<Empty title="No symbols" />}>
        {(symbols) => {
          const shown = symbols.filter((info) => info.symbol.includes(wanted));
          return (
            <ul className="flex min-h-0 flex-1 overflow-auto p-1.5 lg:flex-col lg:pt-0">
              {shown.length === 0 && <Empty title={`Nothing like “${wanted}”`} />}
              {shown.map((info) => (
                <SymbolRow
                  key={info.symbol}
                  info={info}
                  isHeld={held.has(info.symbol)}
                  isSelected={info.symbol === selected}
                  onSelect={onSelect}
                />
              ))}
            </ul>
          );
        }}
      </Loaded>
    </Panel>
  );
}

interface RowProps {
  info: SymbolInfo;
  isHeld: boolean;
  isSelected: boolean;
  onSelect: (symbol: string) => void;
}

function SymbolRow({ info, isHeld, isSelected, onSelect }: RowProps) {
  const change = useTicker(info.symbol)?.change_percent ?? info.change_percent;
  return (
    <li className="shrink-0">
      <button
        type="button"
        aria-pressed={isSelected}
        data-testid={`symbol-${info.symbol}`}
        className={`grid w-full grid-cols-[1fr_auto] gap-x-3 rounded-md px-2 py-1 text-left leading-tight transition-colors ${
          isSelected ? "bg-accent/12" : "hover:bg-raised"
        }`}
        onClick={() => onSelect(info.symbol)}
      >
        <span className="flex items-center gap-1.5 font-medium">
          {info.base}
          {isHeld && <span className="size-1.5 rounded-full bg-accent" title="Open cycle" />}
        </span>
        <Price symbol={info.symbol} className="justify-self-end text-[0.9rem]" />
        <span className="hidden text-2xs text-muted lg:block">
          {info.volume_24h === null ? info.quote : compact(info.volume_24h)}
        </span>
        <span className={`justify-self-end text-2xs tabular-nums ${tone(change)}`}>{percent(change)}</span>
      </button>
    </li>
  );
}
