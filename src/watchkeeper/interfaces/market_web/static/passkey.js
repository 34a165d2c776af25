// Passkeys: what only a browser can do. Any page may use it; without it the forms work with the six digits.
//   <body data-passkey-origin="https://...">            where passkeys are right
//   <form data-passkey="sign-in" data-next="/">          with alias, password and a [data-passkey-button]
//   <form data-passkey="second-factor">                  with a [data-passkey-button]
//   <form data-passkey="add">                            with name
//   [data-passkey-problem]                               where it says what went wrong
//   [data-passkey-elsewhere]                             shown under another address
(function () {
  "use strict";
  var origin = document.body.dataset.passkeyOrigin;
  if (!origin || !window.PublicKeyCredential) return;
  if (location.origin !== origin) {
    document.querySelectorAll("[data-passkey-elsewhere]").forEach(function (note) { note.hidden = false; });
    return;
  }

  function bytes(text) {
    var binary = atob(text.replace(/-/g, "+").replace(/_/g, "/"));
    return Uint8Array.from(binary, function (character) { return character.charCodeAt(0); });
  }

  function text(buffer) {
    var binary = Array.from(new Uint8Array(buffer), function (byte) { return String.fromCharCode(byte); }).join("");
    return btoa(binary).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");
  }

  function listed(keys) {
    return (keys || []).map(function (key) { return Object.assign({}, key, { id: bytes(key.id) }); });
  }

  async function post(path, body) {
    var answer = await fetch(path, {
      method: "POST",
      credentials: "same-origin",
      headers: body ? { "content-type": "application/json" } : {},
      body: body ? JSON.stringify(body) : undefined
    });
    var found = await answer.json();
    if (!answer.ok) throw new Error(found.detail);
    return found;
  }

  async function signed(options) {
    options.challenge = bytes(options.challenge);
    options.allowCredentials = listed(options.allowCredentials);
    var key = await navigator.credentials.get({ publicKey: options });
    return {
      credential_id: text(key.rawId),
      client_data: text(key.response.clientDataJSON),
      authenticator_data: text(key.response.authenticatorData),
      signature: text(key.response.signature)
    };
  }

  var acts = {
    "sign-in": async function (form) {
      var alias = form.elements.alias.value;
      var passkey = await signed(await post("/v1/sessions/options", { alias: alias }));
      await post("/v1/sessions", { alias: alias, password: form.elements.password.value, passkey: passkey });
    },
    "second-factor": async function () {
      var passkey = await signed(await post("/v1/sessions/current/second-factor/options"));
      await post("/v1/sessions/current/second-factor", { passkey: passkey });
    },
    "add": async function (form) {
      var options = await post("/v1/me/passkeys/options");
      options.challenge = bytes(options.challenge);
      options.user.id = bytes(options.user.id);
      options.excludeCredentials = listed(options.excludeCredentials);
      var key = await navigator.credentials.create({ publicKey: options });
      await post("/v1/me/passkeys", {
        name: form.elements.name.value,
        credential_id: text(key.rawId),
        client_data: text(key.response.clientDataJSON),
        attestation: text(key.response.attestationObject)
      });
    }
  };

  function said(problem) {
    document.querySelectorAll("[data-passkey-problem]").forEach(function (place) {
      place.textContent = problem;
      place.hidden = problem === "";
    });
  }

  async function run(form) {
    said("");
    try {
      await acts[form.dataset.passkey](form);
    } catch (error) {
      // A DOMException's own words are the browser's; ours say what to do.
      var known = { InvalidStateError: "This device has a passkey for this account already." };
      said(error instanceof DOMException
        ? known[error.name] || "The passkey was not used. Try again, or give the six digits."
        : error.message);
      return;
    }
    location.assign(form.dataset.next || location.pathname);
  }

  document.querySelectorAll("form[data-passkey]").forEach(function (form) {
    var button = form.querySelector("[data-passkey-button]");
    if (button) {
      button.hidden = false;
      button.addEventListener("click", function () {
        // The digits are not asked for here, but who it is.
        var needed = [form.elements.alias, form.elements.password].filter(Boolean);
        if (needed.every(function (field) { return field.reportValidity(); })) run(form);
      });
    }
    if (form.dataset.passkey === "add") {
      form.hidden = false;
      form.addEventListener("submit", function (event) {
        event.preventDefault();
        run(form);
      });
    }
  });
})();
