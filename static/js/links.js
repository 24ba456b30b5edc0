/**
 * Where the server is: every address of it that the page asks for or shows is made here. It may lie below a path of a
 * proxy's, together with others of the same origin.
 */

/** This file lies at …/static/digest/js/links.js; what comes before is where the server begins. */
const [, BASE, INNER] = /** @type {string[]} */ (/^(.*)\/static\/([^/]+)\//.exec(new URL(import.meta.url).pathname));

/** Under which all files of this page lie; the server's own changes with any of them. */
export const DIGEST = INNER;

/** Where a path of the server's is. @param {string} path that begins with / */
export const serverPath = (path) => BASE + path;

/** The path of this page on the server. */
export const pathHere = () =>
  location.pathname.startsWith(`${BASE}/`) ? location.pathname.slice(BASE.length) : location.pathname;

/** The name under which a browser keeps what is this server's, and no other's of its origin. @param {string} name */
export const ownName = (name) => name + BASE;

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
