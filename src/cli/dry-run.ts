import { command } from './command.ts';
import { interruptSignal, writeLine } from './io.ts';
import { outputOption } from './topic-target.ts';

export const dryRun = command({
  name: 'dry-run',
  summary:
    'Opens the connections of each configured connector and shows the first message, or why there is none; writes nothing',
  operands: [{ name: 'FILE', doc: 'YAML, connector .properties or .json', many: true }],
  options: outputOption,
  examples: ['tributary dry-run feed.yaml'],
  async run({ options, operands, io }) {
    const { dryRunFiles } = await import('../app/dry-run.ts');
    let failed = 0;
    const results = dryRunFiles(operands, io.env, interruptSignal());
    for await (const { connector, result } of results) {
      if (result.ok === false) failed++;
      if (options.output === 'json') {
        writeLine(io.stdout, JSON.stringify({ connector, tried: result.ok !== undefined, ...result }));
      } else if (result.ok === undefined) writeLine(io.stdout, `${connector}: not tried: ${result.reason}`);
      else if (result.ok) {
        writeLine(
          io.stdout,
          `${connector}: ok, ${result.detail}${result.sample === undefined ? '' : `\n  ${result.sample}`}`,
        );
      } else writeLine(io.stdout, `${connector}: FAILED, ${result.reason}`);
    }
    return failed === 0 ? 0 : 1;
  },
});
