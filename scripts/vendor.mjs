// Copies what the page uses from node_modules into static/vendor: `make vendor`, or `node scripts/vendor.mjs
// [DIRECTORY]`.
//
// The page has no build step, so its libraries are plain ES modules with relative imports. From each entry point this
// follows those imports and copies the closure, each module with its types beside it (for tsc) and each package with
// its licence. What changes on the way, and nothing else: `.mjs` becomes `.js` (with the imports of it), and references
// to source maps go.

import { cp, mkdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = path.dirname(path.dirname(fileURLToPath(import.meta.url)));

/**
 * What is copied. `base` is where the modules lie in the package, `modules` the entry points, `files` whatever else is
 * needed.
 * @type {Record<string, {from: string, base?: string, modules?: string[], files?: string[]}>}
 */
const PACKAGES = {
  fflate: { from: 'fflate', base: 'esm', modules: ['browser.js'] },
  'lit-html': {
    from: 'lit-html',
    modules: [
      'lit-html.js',
      'directives/class-map.js',
      'directives/guard.js',
      'directives/if-defined.js',
      'directives/live.js',
      'directives/ref.js',
      'directives/repeat.js',
      'directives/style-map.js',
    ],
  },
  msgpack: { from: '@msgpack/msgpack', base: 'dist.esm', modules: ['decode.mjs'] },
  'plotly-basic': { from: 'plotly.js-basic-dist-min', files: ['plotly-basic.min.js'] },
  roboto: { from: '@fontsource-variable/roboto', files: ['files/roboto-latin-wght-normal.woff2'] },
  'signals-core': { from: '@preact/signals-core', base: 'dist', modules: ['signals-core.mjs'] },
  'stix-two-math': { from: '@fontsource/stix-two-math', files: ['files/stix-two-math-latin-400-normal.woff2'] },
  'stix-two-text': {
    from: '@fontsource/stix-two-text',
    files: ['latin', 'greek'].flatMap((script) =>
      ['normal', 'italic'].map((style) => `files/stix-two-text-${script}-400-${style}.woff2`),
    ),
  },
  'swagger-ui-dist': {
    from: 'swagger-ui-dist',
    files: [
      'favicon-32x32.png',
      'NOTICE',
      'swagger-ui-bundle.js',
      'swagger-ui-bundle.js.LICENSE.txt',
      'swagger-ui.css',
    ],
  },
};

const IMPORT = /((?:\bfrom|\bimport)\s*)(["'])(\.{1,2}\/[^"']+)\2/g;
const SOURCE_MAP = /\n?(?:\/\/# sourceMappingURL=\S+|\/\*# sourceMappingURL=\S+ ?\*\/)\s*$/;

/** @param {string} file */
const exists = (file) =>
  stat(file).then(
    () => true,
    () => false,
  );

/** @param {string} file */
const typesOf = (file) => file.replace(/\.m?js$/, '.d.ts');

/** @param {string} file */
const vendoredName = (file) => file.replace(/\.mjs$/, '.js');

/** @param {string} source */
const vendoredText = (source) =>
  source
    .replace(
      IMPORT,
      (_, keyword, quote, target) => `${keyword}${quote}${target.replace(/\.(?:mjs|ts)$/, '.js')}${quote}`,
    )
    .replace(SOURCE_MAP, '\n');

/**
 * The modules that `entries` import, themselves included, and the types that go with them.
 * @param {string} base
 * @param {string[]} entries
 */
async function closure(base, entries) {
  /** @type {Map<string, string>} */
  const found = new Map();
  const waiting = entries.flatMap((entry) => [entry, typesOf(entry)]);
  for (let file = waiting.pop(); file !== undefined; file = waiting.pop()) {
    const isTypes = file.endsWith('.d.ts');
    if (found.has(file)) continue;
    if (isTypes && !(await exists(path.join(base, file)))) continue;
    const source = await readFile(path.join(base, file), 'utf8');
    found.set(file, source);
    for (const [, , , target] of source.matchAll(IMPORT)) {
      const imported = path.join(path.dirname(file), /** @type {string} */ (target));
      if (isTypes) waiting.push(imported.replace(/\.(?:mjs|js|ts)$/, '.d.ts'));
      else waiting.push(imported, typesOf(imported));
    }
  }
  return found;
}

/**
 * @param {string} file
 * @param {string} text
 */
async function write(file, text) {
  await mkdir(path.dirname(file), { recursive: true });
  await writeFile(file, text);
}

async function vendor(/** @type {string} */ into) {
  const lock = JSON.parse(await readFile(path.join(ROOT, 'package-lock.json'), 'utf8'));
  /** @type {Record<string, object>} */
  const versions = {};
  for (const [folder, { from, base = '', modules = [], files = [] }] of Object.entries(PACKAGES)) {
    const root = path.join(ROOT, 'node_modules', from);
    const target = path.join(into, folder);
    const { version, license } = JSON.parse(await readFile(path.join(root, 'package.json'), 'utf8'));
    const locked = lock.packages[`node_modules/${from}`];
    if (version !== locked.version) {
      throw new Error(`node_modules has ${from} ${version}, package-lock.json ${locked.version}: run npm ci`);
    }
    versions[folder] = { package: from, version, license, integrity: locked.integrity };

    await rm(target, { recursive: true, force: true });
    for (const [file, source] of await closure(path.join(root, base), modules)) {
      await write(path.join(target, vendoredName(file)), vendoredText(source));
    }
    for (const file of [...files, 'LICENSE']) {
      if (/\.(js|css)$/.test(file)) {
        await write(path.join(target, file), vendoredText(await readFile(path.join(root, file), 'utf8')));
      } else {
        await cp(path.join(root, file), path.join(target, file));
      }
    }
  }
  await write(path.join(into, 'versions.json'), `${JSON.stringify(versions, null, 2)}\n`);
}

await vendor(path.resolve(process.argv[2] ?? path.join(ROOT, 'static', 'vendor')));
