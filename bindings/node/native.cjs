/**
 * Loads the native module: the one that BITTING_NATIVE_PATH names, else the one beside this file, else the one of the
 * package for this platform.
 */
'use strict';

const { existsSync } = require('node:fs');
const { join } = require('node:path');

/** What tells builds for Linux apart: the C library. */
function libc() {
  if (process.platform !== 'linux') return '';
  // Looking at network interfaces can take seconds, and nothing here needs them.
  process.report.excludeNetwork = true;
  return process.report.getReport().header.glibcVersionRuntime ? '-gnu' : '-musl';
}

function load() {
  const chosen = process.env.BITTING_NATIVE_PATH;
  if (chosen) return attempt(chosen, 'BITTING_NATIVE_PATH names it; unset it or correct it.');
  const beside = join(__dirname, 'native.node');
  if (existsSync(beside)) return attempt(beside, 'It was built for another platform or version of Node; build it anew.');
  const platform = `${process.platform}-${process.arch}${libc()}`;
  const remedy =
    `Reinstall without --omit=optional, and without a lock file that was made on another platform. If there is no ` +
    `build for ${platform}, build one (cargo build --release -p bitting-node) and let BITTING_NATIVE_PATH name it.`;
  return attempt(`@bitting/node-${platform}`, remedy);
}

function attempt(name, remedy) {
  try {
    return require(name);
  } catch (cause) {
    throw new Error(`bitting cannot load its native module ${name} (Node ${process.version}). ${remedy}`, { cause });
  }
}

module.exports = load();
