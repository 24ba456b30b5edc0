/** Where the server is: every address of it that the page asks for or shows is made here. */

/** A file of the page lies at …/static/digest/…; what comes before is where the server begins. */
const [BASE, INNER] = new URL(import.meta.url).pathname.split('/static/');

/** Under which all files of this page lie; the server's own changes with any of them. */
export const DIGEST = INNER.split('/')[0];

/** Where a path of the server's is. @param {string} path that begins with / */
export const serverPath = (path) => BASE + path;
