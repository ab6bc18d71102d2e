// Draws the report: for each stream the timelines of stations and workers, and the time in each state.
"use strict";

const data = JSON.parse(document.getElementById("data").textContent);
const style = getComputedStyle(document.documentElement);
const color = (name) => style.getPropertyValue("--" + name).trim();
const STATES = ["active", "idle", "absent", "unknown"];
const WORDS = { active: "active", idle: "idle", absent: "absent", unknown: "no inference" };
// The vests' colours, for the dot before a worker's name.
const VESTS = { red: "#d6322f", orange: "#ee7d1a", yellow: "#e3bd00", green: "#2c9a4b", blue: "#2b6fd0", purple: "#8a4bc0", white: "#fff" };
const FONT = getComputedStyle(document.body).fontFamily;
const ROW = 34;
const LEFT = 170;

// Diagonal lines, for times about which nothing is known.
const hatch = () => {
    const canvas = document.createElement("canvas");
    canvas.width = canvas.height = 16;
    const pen = canvas.getContext("2d");
    pen.fillStyle = "#fff";
    pen.fillRect(0, 0, 16, 16);
    pen.strokeStyle = color("unknown");
    pen.lineWidth = 2.4;
    for (const x of [-16, 0, 16]) {
        pen.beginPath();
        pen.moveTo(x - 4, 20);
        pen.lineTo(x + 20, -4);
        pen.stroke();
    }
    return { image: canvas, repeat: "repeat", scaleX: 0.5, scaleY: 0.5 };
};
const FILL = { active: color("active"), idle: color("idle"), absent: color("absent"), unknown: hatch() };
const INK = { active: "#fff", idle: "#3d2a00", absent: "#46515e", unknown: "#46515e" };

const TOOLTIP = { confine: true, borderColor: color("line"), textStyle: { fontSize: 13, color: color("ink") } };

const escaped = (text) => echarts.format.encodeHTML(text);

// A time: 12:05 or 1:12:05, optionally with tenths.
function clock(seconds, tenths) {
    const units = Math.round(seconds * (tenths ? 10 : 1));
    const whole = tenths ? Math.floor(units / 10) : units;
    const two = (number) => String(number).padStart(2, "0");
    const [h, m, s] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
    return (h ? h + ":" + two(m) : m) + ":" + two(s) + (tenths ? "." + (units % 10) : "");
}

const duration = (seconds) => (seconds < 60 ? seconds.toFixed(1) + " s" : clock(seconds, seconds < 3600));
const count = (number, noun) => number + " " + noun + (number === 1 ? "" : "s");

function element(parent, tag, properties, ...children) {
    const made = Object.assign(document.createElement(tag), properties);
    made.append(...children);
    parent.append(made);
    return made;
}

function chart(parent, height, description, option) {
    const box = element(parent, "div", { className: "chart" });
    box.style.height = height + "px";
    const made = echarts.init(box);
    made.setOption({
        useUTC: true,
        animation: false,
        textStyle: { fontFamily: FONT, fontSize: 13, color: color("ink") },
        aria: { enabled: true, label: { description } },
        ...option,
    });
    addEventListener("resize", () => made.resize());
    return made;
}

// ECharts takes braces for styles.
const label = (text) => text.replace(/[{}|]/g, " ");

// The axis of names, the first one on top; workers with a dot in the colour of their vest.
function names(rows, gridIndex, workers) {
    const dot = (vest) => ({ color: VESTS[vest], fontSize: 16, ...(vest === "white" && { textBorderColor: "#778", textBorderWidth: 1.5 }) });
    return {
        type: "category",
        gridIndex,
        inverse: true,
        data: rows.map((row) => row.name),
        axisTick: { show: false },
        axisLine: { lineStyle: { color: color("line") } },
        axisLabel: {
            interval: 0,
            margin: 12,
            width: LEFT - 20,
            overflow: "truncate",
            color: color("ink"),
            fontSize: 13,
            rich: Object.fromEntries(Object.keys(VESTS).map((vest) => [vest, dot(vest)])),
            formatter: (name) => label(name) + (workers && name in VESTS ? " {" + name + "|●}" : ""),
        },
    };
}

function timeAxis(stream, gridIndex) {
    const [from, to] = [stream.from, Math.max(stream.to, stream.from + 1)];
    return {
        type: "time",
        gridIndex,
        min: from * 1000,
        max: to * 1000,
        minInterval: 1000,
        position: "top",
        axisLine: { show: false },
        axisTick: { show: true, lineStyle: { color: color("line") } },
        splitLine: { show: true, lineStyle: { color: color("line") } },
        axisLabel: { color: color("soft"), hideOverlap: true, formatter: (time) => clock(time / 1000) },
    };
}

const widthOf = (() => {
    const pen = document.createElement("canvas").getContext("2d");
    pen.font = "12px " + FONT;
    return (text) => pen.measureText(text).width;
})();

// A span as a rectangle, with the names in it where they fit.
function drawn(parameters, api) {
    const [row, from, to] = [api.value(0), api.value(1), api.value(2)];
    const span = parameters.context.spans[parameters.dataIndex];
    const [start, end] = [api.coord([from, row]), api.coord([to, row])];
    const width = Math.max(end[0] - start[0], 1);
    // In a long log many spans share a pixel; only the first one is drawn.
    if (end[0] < parameters.context.drawnTo[row]) {
        return undefined;
    }
    parameters.context.drawnTo[row] = start[0] + width;
    const height = api.size([0, 1])[1] * 0.68;
    const shape = echarts.graphic.clipRectByRect({ x: start[0], y: start[1] - height / 2, width, height }, parameters.coordSys);
    if (!shape) {
        return undefined;
    }
    const text = span.state === "active" ? span.names.join(" + ") : "";
    const fits = text && shape.width > Math.min(widthOf(text) + 16, 64);
    return {
        type: "rect",
        shape: { ...shape, r: shape.width < 4 ? 0 : 3 },
        style: { fill: FILL[span.state], stroke: span.state === "unknown" ? color("unknown") : undefined, lineWidth: 1 },
        emphasis: { style: { shadowBlur: 5, shadowColor: "rgba(0,0,0,0.35)" } },
        ...(fits && {
            textConfig: { position: "inside" },
            textContent: { style: { text, fill: INK[span.state], fontSize: 12, fontFamily: FONT, width: shape.width - 8, overflow: "truncate", ellipsis: "…" } },
        }),
    };
}

function spans(rows, index, kind) {
    const flat = rows.flatMap((row, number) => row.spans.map(([from, to, state, names]) => ({ from, to, state, names, number, row: row.name })));
    return {
        type: "custom",
        xAxisIndex: index,
        yAxisIndex: index,
        clip: true,
        progressive: 0,
        encode: { x: [1, 2], y: 0 },
        data: flat.map((span) => [span.number, span.from * 1000, span.to * 1000]),
        renderItem: (parameters, api) => {
            parameters.context.spans ??= flat;
            parameters.context.drawnTo ??= rows.map(() => -1);
            return drawn(parameters, api);
        },
        tooltip: { formatter: ({ dataIndex }) => describeSpan(flat[dataIndex], kind) },
    };
}

function describeSpan(span, kind) {
    const lines = [
        "<b>" + escaped(span.row) + "</b> &ensp;" + WORDS[span.state],
        clock(span.from, true) + " – " + clock(span.to, true) + " &ensp;(" + duration(span.to - span.from) + ")",
    ];
    const who = span.names.map(escaped);
    if (kind === "worker" && who.length) {
        lines.push("at " + who.join(" and "));
    } else if (who.length) {
        lines.push("worker: " + who.join());
    }
    return lines.join("<br>");
}

function timelines(parent, stream) {
    const { stations, workers } = stream;
    const kinds = [[stations, "station"], [workers, "worker"]].filter(([rows]) => rows.length);
    const grids = [];
    const titles = [];
    let top = 2;
    for (const [rows, kind] of kinds) {
        titles.push({ text: kind === "station" ? "Stations" : "Workers", left: 0, top, padding: [4, 0], textStyle: { fontSize: 15, fontWeight: 650, color: color("ink") } });
        grids.push({ left: LEFT, right: 16, top: top + 44, height: rows.length * ROW });
        top += 44 + rows.length * ROW + 26;
    }
    const both = kinds.map((_, index) => index);
    const zoom = { xAxisIndex: both, filterMode: "none", minValueSpan: 1000 };
    const described = "Timelines of " + count(stations.length, "station") + " and " + count(workers.length, "worker");
    chart(parent, top + 20, described, {
        title: titles,
        grid: grids,
        xAxis: both.map((index) => timeAxis(stream, index)),
        yAxis: kinds.map(([rows, kind], index) => names(rows, index, kind === "worker")),
        tooltip: TOOLTIP,
        dataZoom: [
            {
                type: "slider", ...zoom, left: LEFT, right: 16, bottom: 6, height: 20, brushSelect: false, showDataShadow: false,
                borderColor: color("line"), fillerColor: "rgba(43,111,208,0.10)", labelFormatter: (time) => clock(time / 1000, true),
            },
            { type: "inside", ...zoom, zoomOnMouseWheel: "ctrl", moveOnMouseMove: true },
        ],
        series: kinds.map(([rows, kind], index) => spans(rows, index, kind)),
    });
}

// The unit for ticks in round numbers, by the longest time.
function unit(longest) {
    const units = [[1, "seconds", 600], [60, "minutes", 3 * 3600], [3600, "hours", Infinity]];
    return units.find(([, , limit]) => longest < limit);
}

function bars(parent, stream) {
    const { stations } = stream;
    const longest = Math.max(1, ...stations.map((row) => STATES.reduce((sum, state) => sum + row.totals[state], 0)));
    const [size, name] = unit(longest);
    const series = STATES.filter((state) => stations.some((row) => row.totals[state] > 0)).map((state) => ({
        type: "bar",
        name: WORDS[state],
        stack: "time",
        barWidth: "62%",
        data: stations.map((row) => row.totals[state] / size),
        itemStyle: { color: FILL[state], ...(state === "unknown" && { borderColor: color("unknown") }) },
        label: {
            show: true,
            color: INK[state],
            fontSize: 12,
            ...(state === "unknown" && { backgroundColor: "#fff", padding: [2, 5] }),
            formatter: ({ value }) => (value * size < longest * 0.06 ? "" : size === 1 ? value.toFixed(1) + " s" : duration(value * size)),
        },
        tooltip: {
            formatter: ({ dataIndex }) => {
                const { name, totals } = stations[dataIndex];
                const all = STATES.reduce((sum, each) => sum + totals[each], 0);
                const share = " &ensp;(" + ((100 * totals[state]) / all).toFixed(1) + " %)";
                return "<b>" + escaped(name) + "</b> &ensp;" + WORDS[state] + "<br>" + totals[state].toFixed(1) + " s" + share;
            },
        },
    }));
    chart(parent, stations.length * ROW + 56, "Time in each state of " + count(stations.length, "station"), {
        grid: { left: LEFT, right: 16, top: 8, height: stations.length * ROW },
        xAxis: {
            type: "value", name, nameLocation: "middle", nameGap: 26, max: longest / size,
            nameTextStyle: { color: color("soft") }, axisLabel: { color: color("soft"), showMaxLabel: false },
            splitLine: { lineStyle: { color: color("line") } },
        },
        yAxis: names(stations, 0),
        tooltip: TOOLTIP,
        series,
    });
}

function table(parent, stream) {
    const whole = element(element(parent, "div", { className: "scroll" }), "table");
    const head = element(element(whole, "thead"), "tr");
    for (const text of ["station", "active s", "idle s", "absent s", "no inference s", "active of the known time"]) {
        element(head, "th", { textContent: text, scope: "col" });
    }
    const body = element(whole, "tbody");
    for (const { name, totals } of stream.stations) {
        const row = element(body, "tr");
        const known = totals.active + totals.idle + totals.absent;
        element(row, "th", { textContent: name, scope: "row" });
        STATES.forEach((state) => element(row, "td", { textContent: totals[state].toFixed(1) }));
        element(row, "td", { textContent: known ? ((100 * totals.active) / known).toFixed(1) + " %" : "–" });
    }
}

function section(stream, index) {
    const main = element(document.getElementById("streams"), "section", { id: "stream-" + index });
    if (stream.name) {
        element(main, "h2", { textContent: stream.name });
    }
    const observed = clock(stream.from) + " to " + clock(stream.to) + " of its running time";
    const sizes = count(stream.stations.length, "station") + ", " + count(stream.workers.filter(({ name }) => name !== "visitor").length, "worker");
    element(main, "p", { className: "soft", textContent: observed + "; " + sizes });
    if (stream.unfinished) {
        element(main, "p", { className: "note", textContent: "The log has no end of this stream, as after an error: the last states are shown until its latest line." });
    }
    const when = element(main, "div", { className: "card" });
    timelines(when, stream);
    element(when, "p", { className: "soft", textContent: "Drag the ends of the bar, or turn the wheel with Ctrl, to zoom. Where a worker's row is blank, no station has information about the worker." });
    const sums = element(main, "div", { className: "card" });
    element(sums, "h3", { textContent: "Time in each state" });
    bars(sums, stream);
    table(sums, stream);
}

document.title = "Utilisation: " + data.name;
document.getElementById("about").textContent = data.name + (data.streams.length > 1 ? ", " + count(data.streams.length, "stream") : "") +
    (data.torn ? "; its last line is incomplete and is left out" : "");
data.streams.forEach(section);
if (data.streams.length > 1) {
    const contents = document.getElementById("contents");
    data.streams.forEach((stream, index) => element(contents, "a", { textContent: stream.name || "(no name)" }).setAttribute("href", "#stream-" + index));
}
