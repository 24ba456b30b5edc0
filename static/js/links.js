/** Where the server is: every address of it that the page asks for or shows is made here. */

/** A file of the page lies at …/static/digest/…; what comes before is where the server begins. */
const [BASE, INNER] = new URL(import.meta.url).pathname.split('/static/');

/** Under which all files of this page lie; the server's own changes with any of them. */
export const DIGEST = INNER.split('/')[0];

/** Where a path of the server's is. @param {string} path that begins with / */
export const serverPath = (path) => BASE + path;

/** A name by which every computer means itself. */
const OWN = /^(localhost|127(\.\d+){3}|\[::1\])$/;

/** @type {Promise<Reach> | undefined} */
let asked;

/**
 * @typedef {object} Reach
 * @property {string} origin what a link that others open begins with
 * @property {boolean} own whether it is a name for the reader's own computer all the same
 * @property {boolean} changed whether it is another one than this page's
 */

/** Where others find this server. The page asks once, and only where its own address is of no use to them. */
export function reach() {
  asked ??= findReach();
  return asked;
}

/** @returns {Promise<Reach>} */
async function findReach() {
  const { hostname, origin, port, protocol } = location;
  if (!OWN.test(hostname)) return { origin, own: false, changed: false };
  const answer = await fetch(serverPath('/address')).catch(() => null);
  const lan = answer?.ok ? (await answer.json()).lan : null;
  if (!lan) {
    if (!answer?.ok) asked = undefined;
    return { origin, own: true, changed: false };
  }
  return { origin: `${protocol}//${lan}${port && `:${port}`}`, own: false, changed: true };
}
