/** The stand-in as a process: discards the topics it is called with, tells its port, and what it has counted when asked. */
import { startStandIn } from './stand-in.ts';

const standIn = await startStandIn(process.argv.slice(2));
process.on('message', () => process.send?.({ counts: standIn.counts }));
process.on('disconnect', () => process.exit());
process.send?.({ port: standIn.port });
