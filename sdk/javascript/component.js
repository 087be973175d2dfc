// What the component is made from: the contract's imports and exports around the plugin's own `plugin.js`.

import * as cache from "orderdesk:plugin/cache@0.1.0";
import * as crypto from "orderdesk:plugin/crypto@0.1.0";
import * as http from "orderdesk:plugin/http@0.1.0";
import * as locks from "orderdesk:plugin/locks@0.1.0";
import * as log from "orderdesk:plugin/log@0.1.0";
import * as peers from "orderdesk:plugin/peers@0.1.0";
import * as session from "orderdesk:plugin/session@0.1.0";
import * as storage from "orderdesk:plugin/storage@0.1.0";

import plugin from "../../plugin.js";
import { callTool, describe, listTools, ToolError } from "./index.js";

const host = { cache, crypto, http, locks, log, peers, session, storage };

export const tools = {
  describe: () => describe(plugin),
  listTools: () => listTools(plugin),
  callTool(call) {
    try {
      return callTool(plugin, host, call);
    } catch (thrown) {
      throw ToolError.of(thrown)?.record ?? thrown;
    }
  },
};
