"""What stands in pages where the ways out were that DevTools cannot hold back.

`Fetch` does not see WebSocket, WebTransport and WebRTC, and no script of ours reaches a shared
or service worker in time. So SCRIPT takes the real ones from every frame and worker before the
page's own code runs. A page that finds nothing in their place dies with a ReferenceError; so it
finds objects that fail as the web lets them fail when a network forbids them:

- WebSocket, WebSocketStream, WebTransport: an error and the end, a moment later (code 1006);
- SharedWorker: an `error` event; `serviceWorker.register`: rejects with SecurityError;
- RTCPeerConnection: throws NotSupportedError; `open`: null, as from a pop-up blocker.

Nothing in SCRIPT holds on to a real one, so a page cannot get it back.
"""

from __future__ import annotations

SCRIPT = r"""(() => {
  const scope = globalThis;
  const worker = !scope.Window && !!scope.importScripts;
  const had = {};
  for (const name of ["WebSocket", "WebSocketStream", "WebTransport", "RTCPeerConnection",
      "webkitRTCPeerConnection", "SharedWorker"]) {
    had[name] = name in scope;
    delete scope[name];
  }
  // A worker gets some of its names only after this script: they must find their place taken.
  if (worker) had.WebSocket = had.WebSocketStream = had.WebTransport = true;
  // What makes the browser itself ask addresses: payment apps, identity providers, security
  // keys of related origins, screens in the network. Browsers without them are common.
  for (const name of ["PaymentRequest", "IdentityCredential", "IdentityProvider",
      "PublicKeyCredential", "DigitalCredential", "PresentationRequest"]) delete scope[name];
  if (scope.CredentialsContainer) {
    const no = () => Promise.reject(
      new scope.DOMException("The request is not allowed here.", "NotAllowedError"));
    for (const name of ["get", "create", "store"]) {
      Object.defineProperty(scope.CredentialsContainer.prototype, name,
        { value: no, writable: true, enumerable: true, configurable: true });
    }
  }
  for (const kind of ["Navigator", "WorkerNavigator"]) {
    const owner = scope[kind] && scope[kind].prototype;
    if (owner && "serviceWorker" in owner) {
      had[kind] = owner;
      delete owner.serviceWorker;
    }
  }
  if (scope.Window) put("open", function open() { return null; });
  if (!scope.EventTarget) return;  // a worklet: nothing of all this in it

  // The page may replace these later; a worker gets its setTimeout later.
  const { EventTarget, Event, CloseEvent, DOMException, Promise, URL, MessageChannel } = scope;
  const early = scope.setTimeout;
  const setTimeout = run => (early ?? scope.setTimeout).call(scope, run, 0);
  const base = () => scope.document ? scope.document.baseURI : scope.location.href;

  function put(name, value) {
    Object.defineProperty(scope, name,
      { value, writable: true, enumerable: false, configurable: !worker });
  }
  function handlers(kind, names) {
    for (const name of names) {
      const kept = new WeakMap();
      Object.defineProperty(kind.prototype, "on" + name, {
        get() { return kept.get(this) ?? null; },
        set(value) {
          this.removeEventListener(name, kept.get(this));
          kept.delete(this);
          if (typeof value !== "function") return;
          kept.set(this, value);
          this.addEventListener(name, value);
        },
        enumerable: true, configurable: true,
      });
    }
  }
  function address(what, given, schemes) {
    let url = null;
    try { url = new URL(given, base()); } catch {}
    const scheme = url && { "http:": "ws:", "https:": "wss:" }[url.protocol];
    if (scheme && schemes.includes(scheme)) url.protocol = scheme;
    if (!url || !schemes.includes(url.protocol)) {
      throw new DOMException(
        `Failed to construct '${what}': The URL '${given}' is invalid.`, "SyntaxError");
    }
    return url.href;
  }
  function lost(message) {
    const promise = Promise.reject(new DOMException(message, "NetworkError"));
    promise.catch(() => {});
    return promise;
  }

  if (had.WebSocket) {
    class WebSocket extends EventTarget {
      #url; #state = 0; #buffered = 0;
      binaryType = "blob";
      constructor(url, protocols) {
        super();
        this.#url = address("WebSocket", url, ["ws:", "wss:"]);
        setTimeout(() => {
          this.#state = 3;
          this.dispatchEvent(new Event("error"));
          this.dispatchEvent(new CloseEvent("close", { code: 1006, wasClean: false }));
        });
      }
      get url() { return this.#url; }
      get readyState() { return this.#state; }
      get bufferedAmount() { return this.#buffered; }
      get protocol() { return ""; }
      get extensions() { return ""; }
      send(data) {
        if (this.#state === 0) {
          throw new DOMException("Failed to execute 'send' on 'WebSocket': Still in CONNECTING "
            + "state.", "InvalidStateError");
        }
        this.#buffered += data?.size ?? data?.byteLength ?? String(data).length;
      }
      close(code, reason) {
        if (code !== undefined && code !== 1000 && !(code >= 3000 && code <= 4999)) {
          throw new DOMException("Failed to execute 'close' on 'WebSocket': The code must be "
            + "either 1000, or between 3000 and 4999.", "InvalidAccessError");
        }
        if (this.#state === 0) this.#state = 2;
      }
    }
    for (const [name, value] of Object.entries({ CONNECTING: 0, OPEN: 1, CLOSING: 2, CLOSED: 3 })) {
      const constant = { value, enumerable: true };
      Object.defineProperty(WebSocket, name, constant);
      Object.defineProperty(WebSocket.prototype, name, constant);
    }
    handlers(WebSocket, ["open", "message", "error", "close"]);
    put("WebSocket", WebSocket);
  }
  if (had.WebSocketStream) {
    put("WebSocketStream", class WebSocketStream {
      #url; #opened = lost("The connection was refused."); #closed = lost("It was never open.");
      constructor(url) { this.#url = address("WebSocketStream", url, ["ws:", "wss:"]); }
      get url() { return this.#url; }
      get opened() { return this.#opened; }
      get closed() { return this.#closed; }
      close() {}
    });
  }
  if (had.WebTransport) {
    put("WebTransport", class WebTransport {
      #lost = lost("Opening handshake failed.");
      constructor(url) { address("WebTransport", url, ["https:"]); }
      get ready() { return this.#lost; }
      get closed() { return this.#lost; }
      get draining() { return new Promise(() => {}); }
      createBidirectionalStream() { return this.#lost; }
      createUnidirectionalStream() { return this.#lost; }
      close() {}
    });
  }
  if (had.RTCPeerConnection) {
    const none = () =>
      new DOMException("Peer connections are switched off here.", "NotSupportedError");
    class RTCPeerConnection extends EventTarget {
      constructor() { super(); throw none(); }
      static generateCertificate() { return Promise.reject(none()); }
    }
    put("RTCPeerConnection", RTCPeerConnection);
    if (had.webkitRTCPeerConnection) put("webkitRTCPeerConnection", RTCPeerConnection);
  }
  if (had.SharedWorker) {
    class SharedWorker extends EventTarget {
      #port = new MessageChannel().port1;
      constructor(url) {
        super();
        new URL(url, base());
        setTimeout(() => this.dispatchEvent(new Event("error")));
      }
      get port() { return this.#port; }
    }
    handlers(SharedWorker, ["error"]);
    put("SharedWorker", SharedWorker);
  }
  for (const kind of ["Navigator", "WorkerNavigator"]) {
    if (!had[kind]) continue;
    class ServiceWorkerContainer extends EventTarget {
      #ready = new Promise(() => {});
      get controller() { return null; }
      get ready() { return this.#ready; }
      register() {
        return Promise.reject(new DOMException("Failed to register a ServiceWorker: "
          + "The user denied permission to use Service Worker.", "SecurityError"));
      }
      getRegistration() { return Promise.resolve(undefined); }
      getRegistrations() { return Promise.resolve([]); }
      startMessages() {}
    }
    handlers(ServiceWorkerContainer, ["controllerchange", "message", "messageerror"]);
    const container = new ServiceWorkerContainer();
    Object.defineProperty(had[kind], "serviceWorker",
      { get() { return container; }, enumerable: true, configurable: true });
  }
})()"""
