// What must not wait for the server: hovering, the theme, the link, and rejecting files that are too large.
(function () {
  "use strict";
  const HINT = "Point at a line or a task for its numbers.";

  const unchanged = () => window.dash_clientside.no_update;

  function graphs() {
    return ["graph", "second-graph"]
      .map((id) => document.getElementById(id))
      .filter((element) => element && element._cyreg && element._cyreg.cy)
      .map((element) => element._cyreg.cy);
  }

  // A graph that was hidden or had another width must be fitted again: as large as the width allows, up to this
  // zoom, and as high as needed.
  const LARGEST = 1.0;
  function fit() {
    graphs().forEach((graph) => {
      const width = graph.container().offsetWidth;
      if (width === 0 || graph.nodes().length === 0) return;
      const box = graph.nodes().boundingBox();
      const zoom = Math.min(LARGEST, (width - 8) / box.w);
      graph.container().style.height = `${Math.ceil(box.h * zoom) + 12}px`;
      graph.resize();
      graph.viewport({
        zoom: zoom,
        pan: { x: width / 2 - (zoom * (box.x1 + box.x2)) / 2, y: 6 - zoom * box.y1 },
      });
    });
  }

  // Highlight everything that leads to a target; null for none.
  function point(target) {
    graphs().forEach((graph) => {
      graph.batch(() => {
        graph.elements().removeClass("near away");
        if (target === null) return;
        const near = graph.elements().filter((element) => {
          const data = element.data();
          return data.target_task === target || data.id === "target:" + target;
        });
        const sources = near.edges().sources();
        graph.elements(".used, .unused, .solved, .trained").addClass("away");
        near.union(sources).removeClass("away").addClass("near");
      });
    });
    document.querySelectorAll("tr[data-target]").forEach((row) => {
      row.classList.toggle("near", target !== null && row.dataset.target === target);
    });
  }

  function rowOf(event) {
    return event.target.closest ? event.target.closest("tr[data-target]") : null;
  }
  ["mouseover", "focusin"].forEach((kind) =>
    document.addEventListener(kind, (event) => {
      const row = rowOf(event);
      if (row) point(row.dataset.target);
    })
  );
  ["mouseout", "focusout"].forEach((kind) =>
    document.addEventListener(kind, (event) => {
      if (rowOf(event)) point(null);
    })
  );

  window.addEventListener("resize", () => window.requestAnimationFrame(fit));

  // When the pointer leaves a graph quickly, Cytoscape fires no event.
  document.addEventListener("mouseout", (event) => {
    const graph = event.target.closest?.("#graph, #second-graph");
    if (!graph || graph.contains(event.relatedTarget)) return;
    point(null);
    window.dash_clientside.set_props(graph.id.replace("graph", "about"), { children: HINT });
  });

  // Cytoscape would prevent scrolling the page with a finger on a graph. Without touch events it receives the
  // mouse events that browsers derive from a tap, so a tap shows the same as hovering.
  ["touchstart", "touchmove", "touchend", "touchcancel"].forEach((kind) =>
    window.addEventListener(
      kind,
      (event) => {
        if (event.target.closest?.("#graph, #second-graph")) event.stopImmediatePropagation();
      },
      { capture: true, passive: true }
    )
  );

  function elementOf(tag, text, kind) {
    const element = document.createElement(tag);
    element.textContent = text ?? "";
    if (kind) element.className = kind;
    return element;
  }

  function cellOf(tag, cell) {
    const element = elementOf(tag, cell.text, cell.kind);
    if (cell.meaning) element.title = cell.meaning;
    if (cell.columns) element.colSpan = cell.columns;
    if (cell.rows) element.rowSpan = cell.rows;
    if (cell.colour) Object.assign(element.style, { backgroundColor: cell.colour, color: cell.ink });
    return element;
  }

  function rowOfTable(row) {
    const element = elementOf("tr", "", row.kind);
    element.tabIndex = 0;
    element.dataset.target = row.target;
    const name = elementOf("th", row.title);
    name.scope = "row";
    name.title = row.target;
    element.setAttribute("aria-label", [row.title, ...row.cells.map((cell) => cell.text)].join(", "));
    element.append(name, ...row.cells.map((cell) => cellOf("td", cell)));
    return element;
  }

  function drawTable(table) {
    const element = elementOf("table", "", "results");
    if (table.caption) element.append(elementOf("caption", table.caption));
    const head = elementOf("thead");
    table.head.forEach((cells) => {
      const row = elementOf("tr");
      row.append(...cells.map((cell) => cellOf("th", cell)));
      head.append(row);
    });
    const body = elementOf("tbody");
    body.append(...table.rows.map(rowOfTable));
    element.append(head, body);
    return element;
  }

  function drawHeadline(figures) {
    return Object.entries(figures ?? {}).map(([name, words]) => {
      const pair = elementOf("div");
      pair.append(elementOf("dt", name), elementOf("dd", words));
      return pair;
    });
  }

  // Dash gives sliders and menus no accessible names; they get those of their containers.
  function nameControls() {
    document.querySelectorAll("[role=group][aria-label]").forEach((group) => {
      const words = group.getAttribute("aria-label");
      group.querySelectorAll("[role=slider], input[type=number], input[type=file]").forEach((control) => {
        if (!control.getAttribute("aria-label")) control.setAttribute("aria-label", words);
      });
    });
    ["table", "second-table"].forEach((id) => {
      const menu = document.getElementById(id);
      if (menu) menu.setAttribute("aria-labelledby", `${id}-words ${id}`);
    });
  }
  let naming = 0;
  new MutationObserver(() => {
    window.cancelAnimationFrame(naming);
    naming = window.requestAnimationFrame(nameControls);
  }).observe(document.documentElement, { childList: true, subtree: true });

  const THEMES = ["system", "light", "dark"];
  const dark = window.matchMedia("(prefers-color-scheme: dark)");
  const phone = window.matchMedia("(max-width: 760px)");

  function shownTheme(theme) {
    return theme === "light" || theme === "dark" ? theme : dark.matches ? "dark" : "light";
  }

  // Apply a stored preference before anything is drawn.
  try {
    const kept = JSON.parse(window.localStorage.getItem("theme"));
    document.documentElement.dataset.theme = shownTheme(kept);
  } catch (error) {
    document.documentElement.dataset.theme = shownTheme("system");
  }

  window.dash_clientside = Object.assign({}, window.dash_clientside, {
    explorer: {
      about(node, edge, tappedNode, tappedEdge) {
        const triggered = window.dash_clientside.callback_context.triggered;
        const data = triggered.map((entry) => entry.value).find((value) => value) || null;
        if (data) point(data.target_task || null);
        else point(null);
        return data ? data.about : HINT;
      },

      accept(contents, name, largest) {
        if (!contents) return [unchanged(), unchanged()];
        const body = contents.slice(contents.indexOf(",") + 1);
        const bytes = (body.length * 3) / 4 - (body.endsWith("==") ? 2 : body.endsWith("=") ? 1 : 0);
        if (bytes > largest) {
          const words = (number) => number.toLocaleString("en-US");
          return [unchanged(), `${name}: expected at most ${words(largest)} bytes, found ${words(bytes)}`];
        }
        return [{ name: name, content: contents, at: Date.now() }, ""];
      },

      // The address bar and the exports follow the view; only the active tab is redrawn.
      link(query, prefix) {
        if (query === undefined || query === null) return Array(6).fill(unchanged());
        const tail = query ? "?" + query : "";
        window.history.replaceState(null, "", window.location.pathname + tail);
        const shown = new URLSearchParams(query).get("page") ?? "taxonomy";
        return [
          ...["json", "svg", "csv"].map((kind) => `${prefix}export/taxonomy.${kind}${tail}`),
          ...["taxonomy", "budgets", "affinities"].map((page) => (page === shown ? query : unchanged())),
        ];
      },

      results(drawn) {
        if (!drawn) return;
        document.getElementById("headline").replaceChildren(...drawHeadline(drawn.headlines[0]));
        document.getElementById("second-headline").replaceChildren(...drawHeadline(drawn.headlines[1]));
        const box = document.getElementById("results");
        const focused = document.activeElement?.closest("#results tr")?.dataset.target;
        box.parentElement.hidden = !drawn.table;
        box.replaceChildren(...(drawn.table ? [drawTable(drawn.table)] : []));
        if (focused) box.querySelector(`tr[data-target="${CSS.escape(focused)}"]`)?.focus();
      },

      copyLink() {
        if (!navigator.clipboard) return "Copy it from the address bar";
        navigator.clipboard.writeText(window.location.href);
        window.setTimeout(
          () => window.dash_clientside.set_props("copy-link", { children: "Copy link" }),
          2000
        );
        return "Copied";
      },

      theme(clicks, kept) {
        const clicked = window.dash_clientside.callback_context.triggered.some((entry) =>
          entry.prop_id.startsWith("switch-theme")
        );
        let theme = THEMES.includes(kept) ? kept : "system";
        if (clicked && clicks) theme = THEMES[(THEMES.indexOf(theme) + 1) % THEMES.length];
        const shown = shownTheme(theme);
        document.documentElement.dataset.theme = shown;
        const words = theme === "system" ? "as the system" : theme;
        return [theme, shown, `Theme: ${words}`];
      },

      style(theme, styles) {
        return theme ? [styles[theme], styles[theme]] : [unchanged(), unchanged()];
      },

      panels(page) {
        return ["taxonomy", "budgets", "affinities", "run"].map((name) => name !== page);
      },

      // The component adds its new elements asynchronously: fit after that.
      placed() {
        window.setTimeout(fit, 0);
      },

      narrow() {
        phone.addEventListener("change", () =>
          window.dash_clientside.set_props("narrow", { data: phone.matches })
        );
        return phone.matches;
      },

      // On a phone the graph comes before the long list of tasks.
      fold(table) {
        return table !== undefined && !phone.matches;
      },
    },
  });
})();
