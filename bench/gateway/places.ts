/** Where the gateway's benchmark has its processes and its records. */

/** With one partition, for subscribers; with four, for publishers. */
export const topic = 'bench';
export const spreadTopic = 'spread';
export const gatewayCore = 1;
export const clientCore = 0;
export const where: string = `the gateway on core ${gatewayCore}, its clients on core ${clientCore}, each in processes of their own`;
