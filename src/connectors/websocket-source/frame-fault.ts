/** How a server broke the protocol: the label of a metric, the close code the standard wants, and a text for people. */
const faults = {
  utf8: [1007, 'text that is not UTF-8'],
  inflate: [1007, 'compressed data that cannot be decompressed'],
  reserved_bits: [1002, 'a frame with reserved bits set'],
  masked: [1002, 'a masked frame'],
  opcode: [1002, 'a frame with an unknown opcode'],
  control_frame: [1002, 'a control frame that is fragmented or longer than 125 bytes'],
  continuation: [1002, 'a frame that does not fit the fragments before it'],
  close_frame: [1002, 'a close frame with an illegal code'],
  oversize: [1009, 'a message longer than websocket.message.max.bytes'],
} as const satisfies Record<string, readonly [number, string]>;

export type FaultLabel = keyof typeof faults;
export const faultLabels = Object.keys(faults) as readonly FaultLabel[];

export class FrameFault extends Error {
  readonly label: FaultLabel;
  readonly closeCode: number;

  constructor(label: FaultLabel) {
    const [closeCode, text] = faults[label];
    super(`server sent ${text}`);
    this.label = label;
    this.closeCode = closeCode;
  }
}
