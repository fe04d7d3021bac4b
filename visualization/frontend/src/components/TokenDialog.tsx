import { useState } from "react";
import { writeToken } from "../api/token";
import { Button } from "./ui/controls";
import { Modal } from "./ui/Modal";

interface TokenDialogProps {
  purpose: string | null;
  problem: string | null;
  onToken: () => void;
  onCancel: () => void;
}

export function TokenDialog({ purpose, problem, onToken, onCancel }: TokenDialogProps) {
  const [token, setToken] = useState("");
  const text = token.trim();
  return (
    <Modal title="API token" onClose={onCancel} testId="token-dialog">
      <form
        onSubmit={(event) => {
          event.preventDefault();
          if (text === "") return;
          writeToken(text);
          onToken();
        }}
      >
        <p className="mb-3 text-[0.857rem] text-muted">
          {purpose === null ? "Actions need" : `“${purpose}” needs`} a token with the scope{" "}
          <em className="text-soft not-italic">trade</em>. Create one with{" "}
          <code className="rounded bg-raised px-1 text-soft">roottrading token create --scope trade</code>. It is kept
          until this tab is closed.
        </p>
        {problem !== null && (
          <p className="mb-3 text-[0.857rem] text-down" role="alert">
            {problem}
          </p>
        )}
        <input
          autoFocus
          type="password"
          autoComplete="off"
          spellCheck={false}
          aria-label="API token"
          data-testid="token-input"
          className="mb-4 w-full rounded-md border border-line-strong bg-ground px-2.5 py-1.5"
          value={token}
          onChange={(event) => setToken(event.target.value)}
        />
        <div className="flex justify-end gap-2">
          <Button onClick={onCancel}>Cancel</Button>
          <Button tone="accent" type="submit" disabled={text === ""} data-testid="token-submit">
            Continue
          </Button>
        </div>
      </form>
    </Modal>
  );
}
