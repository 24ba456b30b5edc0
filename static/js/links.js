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
