import { useState } from "react";
import type { OrderRequest, Side, SystemStatus } from "../api/types";
import { useActions } from "../hooks/useActions";
import { usePortfolio } from "../hooks/usePortfolio";
import { baseOf, money, price as priceText, quantity as quantityText, toNumber } from "../lib/format";
import { useTicker } from "../live/LiveProvider";
import { Button } from "./ui/controls";
import { Modal } from "./ui/Modal";

interface TicketProps {
  symbol: string;
  system: SystemStatus;
  onClose: () => void;
}

const FIELD = "mt-1 w-full rounded-md border border-line-strong bg-ground px-2.5 py-1.5 text-ink tabular-nums";
const POSITIVE = /^\d+(\.\d+)?$/;

function isPositive(text: string): boolean {
  return POSITIVE.test(text) && Number(text) > 0;
}

export function OrderTicket({ symbol: initial, system, onClose }: TicketProps) {
  const { placeOrder } = useActions();
  const { balances } = usePortfolio();
  const [symbol, setSymbol] = useState(initial);
  const [side, setSide] = useState<Side>("BUY");
  const [type, setType] = useState<OrderRequest["type"]>("MARKET");
  const [quantity, setQuantity] = useState("");
  const [limit, setLimit] = useState("");
  const last = useTicker(symbol)?.price;

  const base = baseOf(symbol, system.quote_asset);
  const spends = side === "BUY" ? system.quote_asset : base;
  const free = balances.data?.find((balance) => balance.asset === spends)?.free ?? "0";
  const at = type === "LIMIT" ? toNumber(limit) : toNumber(last);
  const notional = at === null || !isPositive(quantity) ? null : at * Number(quantity);
  const isReady = isPositive(quantity) && (type === "MARKET" || isPositive(limit));

  const submit = () => {
    if (!isReady) return;
    placeOrder({ symbol, side, type, quantity, ...(type === "LIMIT" ? { price: limit } : {}) });
    onClose();
  };

  return (
    <Modal title="New order" onClose={onClose} testId="order-ticket">
      <form
        className="flex flex-col gap-3 text-[0.928rem]"
        onSubmit={(event) => {
          event.preventDefault();
          submit();
        }}
      >
        <Choice value={side} options={["BUY", "SELL"]} names={{ BUY: "Buy", SELL: "Sell" }} onChange={setSide} isSide />
        <Choice
          value={type}
          options={["MARKET", "LIMIT"]}
          names={{ MARKET: "Market", LIMIT: "Limit" }}
          onChange={setType}
        />
        <label className="text-[0.857rem] text-muted">
          Symbol
          <select className={FIELD} value={symbol} onChange={(event) => setSymbol(event.target.value)}>
            {system.symbols.map((name) => (
              <option key={name}>{name}</option>
            ))}
          </select>
        </label>
        {type === "LIMIT" && (
          <label className="text-[0.857rem] text-muted">
            Price in {system.quote_asset}
            <input
              className={FIELD}
              inputMode="decimal"
              placeholder={last ?? ""}
              value={limit}
              data-testid="ticket-price"
              onChange={(event) => setLimit(event.target.value.trim())}
            />
          </label>
        )}
        <label className="text-[0.857rem] text-muted">
          Quantity in {base}
          <input
            autoFocus
            className={FIELD}
            inputMode="decimal"
            value={quantity}
            data-testid="ticket-quantity"
            onChange={(event) => setQuantity(event.target.value.trim())}
          />
        </label>
        <dl className="grid grid-cols-2 gap-y-1 text-[0.857rem] [&>dd]:text-right [&>dd]:tabular-nums [&>dt]:text-muted">
          <dt>Last price</dt>
          <dd>{priceText(last)}</dd>
          <dt>Free {spends}</dt>
          <dd>{spends === system.quote_asset ? money(free) : quantityText(free)}</dd>
          <dt>About</dt>
          <dd data-testid="ticket-notional">
            {notional === null ? "—" : `${money(notional)} ${system.quote_asset}`}
          </dd>
        </dl>
        <div className="flex justify-end gap-2 pt-1">
          <Button onClick={onClose}>Cancel</Button>
          <Button tone={side === "BUY" ? "up" : "down"} type="submit" disabled={!isReady} data-testid="ticket-submit">
            {side === "BUY" ? "Buy" : "Sell"} {base}
          </Button>
        </div>
      </form>
    </Modal>
  );
}

interface ChoiceProps<T extends string> {
  value: T;
  options: readonly T[];
  names: Record<T, string>;
  onChange: (value: T) => void;
  isSide?: boolean;
}

function Choice<T extends string>({ value, options, names, onChange, isSide = false }: ChoiceProps<T>) {
  const chosen = (option: T) => {
    if (!isSide) return "bg-hover text-ink";
    return option === "BUY" ? "bg-up/15 text-up" : "bg-down/15 text-down";
  };
  return (
    <div className="grid grid-cols-2 gap-1 rounded-lg bg-ground p-1">
      {options.map((option) => (
        <button
          key={option}
          type="button"
          aria-pressed={option === value}
          className={`rounded-md py-1 text-[0.857rem] font-medium ${option === value ? chosen(option) : "text-muted hover:text-soft"}`}
          onClick={() => onChange(option)}
        >
          {names[option]}
        </button>
      ))}
    </div>
  );
}
