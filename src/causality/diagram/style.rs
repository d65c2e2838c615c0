//! How a diagram looks: the style sheet that goes into every picture.
//!
//! Colours are classes, so that one picture is right on white paper, on a screen, and on a dark one. What
//! a colour says is said by form as well: the colour of whoever speaks by the words and the line they
//! start from, and everything else by the shapes of the legend.

/// How many colours there are for those who speak. After these they begin again.
pub(super) const COLOURS: usize = 8;

/// Colours on light paper, and on a dark screen. Each has a contrast of 4.5 to its ground.
const PALETTE: [(&str, &str); COLOURS] = [
    ("#0068b0", "#62b0ff"),
    ("#b04a00", "#ff9d57"),
    ("#007a53", "#4fd6a2"),
    ("#9b3a86", "#f094d9"),
    ("#7d6200", "#e6c34a"),
    ("#b3253f", "#ff8a96"),
    ("#4f4fc4", "#aeaaff"),
    ("#4b6b16", "#a9d860"),
];

const SHAPES: &str = "\
text{font:12px system-ui,-apple-system,'Segoe UI',Roboto,'Helvetica Neue',Arial,sans-serif;\
direction:ltr;unicode-bidi:isolate}
.words text{paint-order:stroke;stroke-width:4px;stroke-linejoin:round}
.number{font-variant-numeric:tabular-nums}
.name{font-size:15px;font-weight:600}
.said,.came,.went{font-weight:500}
.line,.cap{stroke-width:2;fill:none}
.cap{stroke-width:3;stroke-linecap:round}
.dot{stroke-width:2}
.row{stroke-width:1}
.message{fill:none;stroke-width:1.2}
.message.said{stroke-width:2.2}
.beyond{stroke-dasharray:2 4}
.unknown{stroke-dasharray:5 4}
.cross{fill:none;stroke-width:2.4;stroke-linecap:round}
";

/// What depends on the ground: paper, ink, fainter ink, what came, what went.
struct Ground {
    paper: &'static str,
    ink: &'static str,
    faint: &'static str,
    row: &'static str,
    came: &'static str,
    went: &'static str,
}

const LIGHT: Ground = Ground {
    paper: "#ffffff",
    ink: "#1f2328",
    faint: "#59636e",
    row: "#eef0f2",
    came: "#1a7f37",
    went: "#b3261e",
};

const DARK: Ground = Ground {
    paper: "#0d1117",
    ink: "#e6edf3",
    faint: "#9198a1",
    row: "#1b222b",
    came: "#56d364",
    went: "#ff8e86",
};

impl Ground {
    fn rules(&self) -> String {
        let Self { paper, ink, faint, row, came, went } = self;
        format!(
            ".paper{{fill:{paper}}}text{{fill:{ink}}}.words text{{stroke:{paper}}}\
             .address,.quiet,.legend text{{fill:{faint}}}.row{{stroke:{row}}}\
             .line,.cap{{stroke:{faint}}}.dot{{fill:{ink};stroke:{ink}}}\
             .dot.hollow{{fill:{paper}}}.dot.came{{fill:{came};stroke:{came}}}\
             .dot.went{{fill:{went};stroke:{went}}}.dot.hollow{{fill:{paper}}}\
             .message{{stroke:{faint}}}.head{{fill:{faint}}}.cross{{stroke:{went}}}\
             text.came{{fill:{came}}}text.went{{fill:{went}}}"
        )
    }
}

/// The style sheet for a picture in which so many speak.
pub(super) fn sheet(speakers: usize) -> String {
    let colours = |pick: fn(&(&'static str, &'static str)) -> &'static str| -> String {
        let used = PALETTE.iter().take(speakers).map(pick).enumerate();
        used.map(|(n, colour)| {
            format!(
                ".message.by{n}{{stroke:{colour}}}.head.by{n},text.by{n}{{fill:{colour}}}\
                 .dot.by{n},.line.by{n},.cap.by{n}{{stroke:{colour}}}\
                 .dot.full.by{n}{{fill:{colour}}}"
            )
        })
        .collect()
    };
    format!(
        "{SHAPES}{}{}\n@media screen and (prefers-color-scheme:dark){{{}{}}}\n",
        LIGHT.rules(),
        colours(|(light, _)| light),
        DARK.rules(),
        colours(|(_, dark)| dark)
    )
}
