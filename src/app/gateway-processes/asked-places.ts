/** Places as one of several processes sees them: it asks the one that counts for all. */
import type { Places, Refusal } from '../../gateway/places.ts';
import type { Order, Report } from './messages.ts';

export class AskedPlaces implements Places {
  readonly #send: (report: Report) => void;
  readonly #taking = new Map<number, (refusal: Refusal | undefined) => void>();
  readonly #claiming = new Map<number, (isGranted: boolean) => void>();
  #asked = 0;

  constructor(send: (report: Report) => void) {
    this.#send = send;
  }

  take(ip: string, principal: string | null): Promise<Refusal | undefined> {
    const id = ++this.#asked;
    return new Promise((resolve) => {
      this.#taking.set(id, resolve);
      this.#send({ kind: 'take', id, ip, principal });
    });
  }

  claim(principal: string): Promise<boolean> {
    const id = ++this.#asked;
    return new Promise((resolve) => {
      this.#claiming.set(id, resolve);
      this.#send({ kind: 'claim', id, principal });
    });
  }

  leave(ip: string | null, principal: string | null): void {
    this.#send({ kind: 'leave', ip, principal });
  }

  answered(order: Extract<Order, { kind: 'placed' | 'claimed' }>): void {
    const { id } = order;
    if (order.kind === 'placed') {
      this.#taking.get(id)?.(order.refusal);
      this.#taking.delete(id);
    } else {
      this.#claiming.get(id)?.(order.isGranted);
      this.#claiming.delete(id);
    }
  }
}
