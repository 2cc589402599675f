import { command } from '../command.ts';
import { table } from '../table.ts';
import { connectionOptions, formOption, named, openClient, show } from './connection.ts';
import { taskTable } from './get.ts';

export const describe = command({
  name: 'describe',
  summary: 'Shows all there is to know of a connector: state, tasks, configuration, topics, offsets',
  operands: [{ name: 'NAME', doc: 'the connector' }],
  options: { ...formOption, ...connectionOptions },
  examples: ['tributary describe trades', 'tributary describe trades -o yaml'],
  async run({ options, operands: [name = ''], io }) {
    const client = await openClient(options, io.env);
    const info = await named(client, name, () => client.connector(name));
    const [status, topics, { offsets }] = await Promise.all([
      client.status(name),
      client.topics(name).catch(() => [] as readonly string[]), // tracking is switched off
      client.offsets(name),
    ]);
    await show(io, options.output, { info, status, topics, offsets }, () =>
      [
        `Name       ${name}`,
        `Type       ${info.type}`,
        `Class      ${info.config['connector.class'] ?? ''}`,
        `State      ${status.connector.state}`,
        `Worker     ${status.connector.worker_id}`,
        ...(status.connector.trace === undefined ? [] : [`Reason     ${status.connector.trace.split('\n')[0]!}`]),
        `Topics     ${topics.join(', ') || '-'}`,
        '',
        taskTable(status),
        '',
        table(
          ['KEY', 'VALUE'],
          Object.entries(info.config)
            .sort(([a], [b]) => (a < b ? -1 : 1))
            .map(([key, value]) => [key, value ?? 'null']),
        ),
        ...(offsets.length === 0
          ? []
          : [
              '',
              table(
                ['PARTITION', 'OFFSET'],
                offsets.map((o) => [JSON.stringify(o.partition), JSON.stringify(o.offset)]),
              ),
            ]),
      ].join('\n'),
    );
    return 0;
  },
});
