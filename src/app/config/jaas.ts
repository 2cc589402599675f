/**
 * One entry of a JAAS configuration, as `sasl.jaas.config` holds it:
 * `org.apache.kafka.common.security.plain.PlainLoginModule required username="u" password="p";`
 */
export type JaasResult =
  | { readonly ok: true; readonly module: string; readonly options: Readonly<Record<string, string>> }
  | { readonly ok: false; readonly problem: string };

const flags = ['required', 'requisite', 'sufficient', 'optional'];

/** Problems never show the text: it holds a password. */
export function parseJaas(text: string): JaasResult {
  const head = /^\s*([\w.$]+)\s+(\w+)\s*/.exec(text);
  if (head === null) return bad('a login module and a control flag are wanted: "…PlainLoginModule required …;"');
  const [whole, module, flag] = head as unknown as [string, string, string];
  if (!flags.includes(flag.toLowerCase())) return bad(`the control flag must be one of ${flags.join(', ')}`);
  const options: Record<string, string> = {};
  let rest = text.slice(whole.length);
  for (;;) {
    const option = /^\s*([\w.-]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|'((?:[^'\\]|\\.)*)'|([^\s;"']+))\s*/.exec(rest);
    if (option === null) break;
    const [matched, name, double, single, bare] = option;
    options[name!] = (double ?? single ?? bare ?? '').replace(/\\(.)/g, '$1');
    rest = rest.slice(matched.length);
  }
  if (rest.trim() !== ';') return bad('options are name="value", and the entry ends in a semicolon');
  return { ok: true, module, options };
}

function bad(problem: string): JaasResult {
  return { ok: false, problem };
}
