/** The theme's colours (index.css) for what is drawn on a canvas, where CSS does not reach. */

export const COLORS = [
  "accent",
  "down",
  "faint",
  "grid",
  "line",
  "line-strong",
  "muted",
  "slate",
  "slate-deep",
  "teal",
  "up",
  "violet",
  "warn",
] as const;

export type ColorName = (typeof COLORS)[number];

/** As #rrggbb, or #rrggbbaa when it lets something shine through. */
export function color(name: ColorName, opacity = 1): string {
  const solid = getComputedStyle(document.documentElement).getPropertyValue(`--color-${name}`).trim();
  if (opacity === 1) return solid;
  return solid + Math.round(opacity * 255).toString(16).padStart(2, "0");
}
