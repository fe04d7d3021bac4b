interface SymbolLinkProps {
  symbol: string;
  onSymbol: (symbol: string) => void;
}

export function SymbolLink({ symbol, onSymbol }: SymbolLinkProps) {
  return (
    <button type="button" className="font-medium hover:text-accent" onClick={() => onSymbol(symbol)}>
      {symbol}
    </button>
  );
}
