import type { UseQueryResult } from "@tanstack/react-query";
import { Fragment, useState } from "react";
import type { Decision, Vote } from "../api/types";
import { money, price, shortDateTime, words } from "../lib/format";
import { Badge, SideTag } from "./ui/controls";
import { Empty, Loaded } from "./ui/states";
import { SymbolLink } from "./ui/SymbolLink";

interface DecisionsProps {
  query: UseQueryResult<Decision[]>;
  onSymbol: (symbol: string) => void;
}

const VERDICTS = { approved: "up", refused: "neutral", pending: "warn" } as const;

export function Decisions({ query, onSymbol }: DecisionsProps) {
  const [openId, setOpenId] = useState<string | null>(null);
  return (
    <Loaded
      query={query}
      isEmpty={(decisions) => decisions.length === 0}
      empty={<Empty title="No decisions yet" hint="When enough strategies agree on a closed bar, their consensus is judged here." />}
    >
      {(decisions) => (
        <table className="data-table" data-testid="decisions">
          <thead>
            <tr>
              <th>Bar</th>
              <th>Symbol</th>
              <th>Side</th>
              <th className="hidden @lg:table-cell">Strength</th>
              <th className="num hidden @xl:table-cell">Price</th>
              <th className="hidden @2xl:table-cell">Votes</th>
              <th>Verdict</th>
              <th className="hidden @3xl:table-cell">Reason</th>
            </tr>
          </thead>
          <tbody>
            {decisions.map((decision) => (
              <Fragment key={decision.id}>
                <tr
                  className="cursor-pointer"
                  aria-expanded={openId === decision.id}
                  onClick={() => setOpenId(openId === decision.id ? null : decision.id)}
                >
                  <td className="text-muted tabular-nums">
                    {shortDateTime(Math.round(decision.bar_time / 1000) * 1000)} <span className="text-faint">{decision.timeframe}</span>
                  </td>
                  <td>
                    <SymbolLink symbol={decision.symbol} onSymbol={onSymbol} />
                  </td>
                  <td>
                    <SideTag side={decision.side} />
                  </td>
                  <td className="hidden @lg:table-cell">
                    <Meter value={decision.strength} /> <span className="text-soft">{words(decision.level)}</span>
                  </td>
                  <td className="num hidden @xl:table-cell">{price(decision.price)}</td>
                  <td className="hidden text-soft @2xl:table-cell" title={decision.strategies.map(words).join(", ")}>
                    {decision.strategies.length} agree
                  </td>
                  <td>
                    <Badge tone={VERDICTS[decision.verdict]}>{words(decision.verdict)}</Badge>
                  </td>
                  <td className="hidden max-w-72 truncate @3xl:table-cell text-muted" title={decision.verdict_reason || decision.reason}>
                    {decision.verdict_reason || decision.reason}
                  </td>
                </tr>
                {openId === decision.id && (
                  <tr>
                    <td colSpan={8} className="!whitespace-normal bg-ground">
                      <Votes votes={decision.votes} reason={decision.reason} />
                    </td>
                  </tr>
                )}
              </Fragment>
            ))}
          </tbody>
        </table>
      )}
    </Loaded>
  );
}

function Meter({ value }: { value: number }) {
  return (
    <span className="mr-1 inline-block h-1 w-12 overflow-hidden rounded-full bg-line align-middle">
      <span className="block h-full rounded-full bg-accent" style={{ width: `${Math.round(value * 100)}%` }} />
    </span>
  );
}

function Votes({ votes, reason }: { votes: readonly Vote[]; reason: string }) {
  return (
    <div className="py-1" data-testid="votes">
      {reason !== "" && <p className="mb-1.5 text-muted">{reason}</p>}
      {votes.length === 0 && <p className="text-muted">The votes of this bar were not stored.</p>}
      <ul className="grid gap-x-6 gap-y-1 sm:grid-cols-2">
        {votes.map((vote) => (
          <li key={vote.strategy} className="flex items-baseline gap-2">
            <SideTag side={vote.side} />
            <span>{words(vote.strategy)}</span>
            <span className="text-2xs text-faint">{words(vote.family)}</span>
            <span className="min-w-0 flex-1 truncate text-2xs text-muted" title={vote.reason}>
              {vote.reason}
            </span>
            <span className="text-2xs text-soft tabular-nums">{money(vote.strength, 2)}</span>
          </li>
        ))}
      </ul>
    </div>
  );
}
