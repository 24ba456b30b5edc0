import type { ClientMessage, LayerParameters } from './protocol';

/** How the server is asked for what is set up, whatever that is. */
export interface Terms<T> {
  /** What it shall train; with those weights instead of its seed's, if there are any. */
  configure(
    setup: T,
    weights: readonly LayerParameters[] | null,
  ): Pick<Extract<ClientMessage, { type: 'configure' }>, 'data' | 'runs'>;
  /** What can change while it trains. */
  settings(setup: T): Omit<Extract<ClientMessage, { type: 'set' }>, 'type'>;
}
