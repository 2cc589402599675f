import { command } from './command.ts';
import { writeLine } from './io.ts';
import { outputOption } from './topic-target.ts';

export const validate = command({
  name: 'validate',
  summary: 'Checks configuration files: each problem with file, line and key',
  operands: [{ name: 'FILE', doc: 'YAML, worker or connector .properties, or connector .json', many: true }],
  options: outputOption,
  examples: ['tributary validate feed.yaml', 'tributary validate worker.properties trades.properties trades.json'],
  async run({ options, operands, io }) {
    const { validateFiles } = await import('../app/config/validate-files.ts');
    const { showProblem } = await import('../app/config/problem.ts');
    const { problems, warnings } = await validateFiles(operands, io.env);
    if (options.output === 'json') writeLine(io.stdout, JSON.stringify({ problems, warnings }));
    else {
      for (const problem of problems) writeLine(io.stdout, showProblem(problem));
      for (const warning of warnings) writeLine(io.stdout, `${showProblem(warning)} (a warning)`);
      if (problems.length === 0) writeLine(io.stdout, `${operands.join(', ')}: nothing wrong was found.`);
    }
    return problems.length === 0 ? 0 : 1;
  },
});
