// What modules ask of the page while they are loaded, so that those which need no more can be tested without one:
// lit-html for a tree walker, theme.js for the reader's taste. What is drawn is tested in a browser.
globalThis.document ??= { createTreeWalker: () => null, documentElement: { dataset: {} } };
globalThis.matchMedia ??= () => ({ matches: false, addEventListener: () => {} });
