/** Which of the offered types an `Accept` header likes best (RFC 9110, 12.5.1); undefined where it takes none of them. */
export function negotiate(accept: string | undefined, offered: readonly string[]): string | undefined {
  if (accept === undefined || accept.trim() === '') return offered[0];
  const ranges = accept.split(',').map((part, order) => {
    const [type = '', ...parameters] = part.split(';').map((text) => text.trim());
    const q = parameters.find((parameter) => /^q=/i.test(parameter));
    return { type: type.toLowerCase(), q: q === undefined ? 1 : Number(q.slice(2)) || 0, order };
  });
  let best: { type: string; q: number; order: number } | undefined;
  for (const type of offered) {
    // The most exact range that fits decides.
    const fitting = ranges
      .filter((range) => fits(range.type, type))
      .sort((a, b) => exactness(b.type) - exactness(a.type))[0];
    if (fitting === undefined || fitting.q === 0) continue;
    if (best === undefined || fitting.q > best.q || (fitting.q === best.q && fitting.order < best.order)) {
      best = { type, q: fitting.q, order: fitting.order };
    }
  }
  return best?.type;
}

function fits(range: string, type: string): boolean {
  if (range === '*/*' || range === type) return true;
  return range.endsWith('/*') && type.startsWith(range.slice(0, -1));
}

function exactness(range: string): number {
  if (range === '*/*') return 0;
  return range.endsWith('/*') ? 1 : 2;
}
