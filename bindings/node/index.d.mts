/** The types of the ES module: the same as of the CommonJS one. */
export * from './index.cjs';
