//! Station files, valid and invalid, and points in their polygons.

use std::sync::Arc;

use expect_test::{Expect, expect};
use people::Station;
use people::station::check_polygon;
use people::station_file::{Problem, Stations};
use proptest::prelude::*;
use vision::Point;

#[test]
fn a_file_is_read_in_order() {
    let stations = Stations::parse(
        "\u{feff}
        {\"stations\": [
            {\"polygon\": [[0, 0], [1, 0.0], [0.5, 1e-1]], \"name\": \"B \\u00f6\"},
            {\"name\": \"a\", \"vest\": \"red\", \"polygon\": [[0.1, 0.2], [0.3, 0.2], [0.3, 0.4], [0.1, 0.4]]}
        ]}",
    )
    .unwrap();
    let [first, second] = &stations[..] else {
        panic!("{stations:?}")
    };
    assert_eq!((&*first.name, first.vest.as_deref()), ("B ö", None));
    assert_eq!(
        first.polygon,
        [Point::new(0.0, 0.0), Point::new(1.0, 0.0), Point::new(0.5, 0.1)]
    );
    assert_eq!((&*second.name, second.vest.as_deref()), ("a", Some("red")));
    assert_eq!(second.polygon.len(), 4);
}

#[test]
fn a_file_may_have_no_stations() {
    assert!("{\"stations\": []}".parse::<Stations>().unwrap().is_empty());
}

#[test]
fn the_demo_file_is_valid() {
    let stations = Stations::parse(include_str!("../../../../pipelines/stations/demo.json")).unwrap();
    assert!(!stations.is_empty());
}

fn check(text: &str, expected: &Expect) {
    expected.assert_eq(&Stations::parse(text).unwrap_err().to_string());
}

#[test]
fn syntax_errors_have_place_and_remedy() {
    for (text, expected) in [
        (
            "",
            expect!["line 1, column 1: not valid JSON: EOF while parsing a value"],
        ),
        (
            "bench",
            expect![[r#"line 1, column 1: expected {"stations": [...]}, found `bench`"#]],
        ),
        (
            "[]",
            expect![[r#"line 1, column 1: expected {"stations": [...]}, found `[]`"#]],
        ),
        ("{}", expect!["line 1, column 2: missing field `stations`"]),
        (
            "{\"stations\":\n  [{]}",
            expect!["line 2, column 5: not valid JSON: key must be a string"],
        ),
        (
            "{\"stations\": []",
            expect!["line 1, column 15: not valid JSON: EOF while parsing an object"],
        ),
        (
            "{\"stations\": []}\n }",
            expect!["line 2, column 2: not valid JSON: trailing characters"],
        ),
        (
            "{\"stations\": {}}",
            expect!["line 1, column 14, stations: expected a list of stations, found `{}`"],
        ),
        (
            "{\"zones\": []}",
            expect!["line 1, column 8: unknown field `zones`, expected `stations`"],
        ),
        (
            "{\"stations\": [[\"bench\"]]}",
            expect![[r#"line 1, column 15, stations[0]: expected {"name": ..., "polygon": ...}, found `["bench"]`"#]],
        ),
    ] {
        check(text, &expected);
    }
}

#[test]
fn errors_in_a_station_have_place_and_remedy() {
    let triangle = "[[0,0],[1,0],[1,1]]";
    for (station, expected) in [
        (
            format!("{{\"polygon\": {triangle}}}"),
            expect![[r#"line 3, column 1, stations[1]: the station has no name; add "name", unique in the file"#]],
        ),
        (
            "{\"name\": \"b\"}".into(),
            expect![
                "line 3, column 1, stations[1]: the station has no polygon; add \"polygon\", a list of at least three points [x, y]"
            ],
        ),
        (
            format!("{{\"name\": \"\", \"polygon\": {triangle}}}"),
            expect![[r#"line 3, column 10, stations[1].name: expected a string that is not empty, found `""`"#]],
        ),
        (
            format!("{{\"name\": 5, \"polygon\": {triangle}}}"),
            expect!["line 3, column 10, stations[1].name: expected a string that is not empty, found `5`"],
        ),
        (
            format!("{{\"name\": \"a\", \"polygon\": {triangle}}}"),
            expect![[
                r#"line 3, column 10, stations[1].name: the name "a" is taken by stations[0]; give each station its own"#
            ]],
        ),
        (
            format!("{{\"name\": \"b\",\n\"colour\": \"red\", \"polygon\": {triangle}}}"),
            expect!["line 4, column 8, stations[1]: unknown field `colour`, expected one of `name`, `vest`, `polygon`"],
        ),
        (
            format!("{{\"name\": \"b\", \"name\": \"c\", \"polygon\": {triangle}}}"),
            expect!["line 3, column 20, stations[1]: duplicate field `name`"],
        ),
        (
            format!("{{\"name\": \"ö\", \"vest\": 3, \"polygon\": {triangle}}}"),
            expect!["line 3, column 23, stations[1].vest: expected a string that is not empty, found `3`"],
        ),
        (
            format!("{{\"name\": \"b\", \"vest\": \"none\", \"polygon\": {triangle}}}"),
            expect![[
                r#"line 3, column 23, stations[1].vest: "none" is not a vest; omit "vest" if anyone may use the station"#
            ]],
        ),
    ] {
        check(
            &format!("{{\"stations\": [\n{{\"name\": \"a\", \"polygon\": {triangle}}},\n{station}\n]}}"),
            &expected,
        );
    }
}

#[test]
#[allow(clippy::too_many_lines, reason = "a table of errors")]
fn errors_in_a_polygon_have_place_and_remedy() {
    for (polygon, expected) in [
        (
            "\"square\"",
            expect![[r#"line 1, column 40, stations[0].polygon: expected a list of points [x, y], found `"square"`"#]],
        ),
        (
            "[]",
            expect!["line 1, column 40, stations[0].polygon: a polygon needs at least three points, found 0"],
        ),
        (
            "[[0,0],[1,1]]",
            expect!["line 1, column 40, stations[0].polygon: a polygon needs at least three points, found 2"],
        ),
        (
            "[[0,0],[1,0],\n[1,1,1]]",
            expect!["line 2, column 1, stations[0].polygon[2]: expected a point [x, y], found `[1,1,1]`"],
        ),
        (
            "[[0,0],[1,0],3]",
            expect!["line 1, column 53, stations[0].polygon[2]: expected a point [x, y], found `3`"],
        ),
        (
            "[[0,0],\n[1,\"0\"],[1,1]]",
            expect![[r#"line 2, column 4, stations[0].polygon[1][1]: expected a number, found `"0"`"#]],
        ),
        (
            "[[0,0],[1e999,0],[1,1]]",
            expect!["line 1, column 48, stations[0].polygon[1][0]: expected a number, found `1e999`"],
        ),
        (
            "[[0,0],[NaN,0],[1,1]]",
            expect!["line 1, column 48: not valid JSON: expected value"],
        ),
        (
            "[[0,0],[1,0],[640,1]]",
            expect![
                "line 1, column 54, stations[0].polygon[2][0]: expected 0 to 1, found 640: coordinates are parts of the frame, so divide pixels by its width or height"
            ],
        ),
        (
            "[[0,0],[1,0],[1,-0.1]]",
            expect![
                "line 1, column 56, stations[0].polygon[2][1]: expected 0 to 1, found -0.1: coordinates are parts of the frame, so divide pixels by its width or height"
            ],
        ),
        (
            "[[0,0],[1,0],[1,1],[0,0]]",
            expect![
                "line 1, column 40, stations[0].polygon: points 3 and 0 are the same; leave one out (the last edge closes by itself)"
            ],
        ),
        (
            "[[0.1,0.1],[0.2,0.2],[0.3,0.3],[0.7,0.7]]",
            expect![
                "line 1, column 40, stations[0].polygon: the polygon has no area: all its points lie on one line; move one off it"
            ],
        ),
        (
            "[[0,0],[1,1],[1,0],[0,1]]",
            expect![
                "line 1, column 40, stations[0].polygon: the edge from point 0 to 1 crosses or touches the one from 2 to 3; list the corners in the order in which one walks around"
            ],
        ),
        (
            "[[0,0],[1,0],[0.5,0],[0.5,1]]",
            expect![
                "line 1, column 40, stations[0].polygon: the edge from point 0 to 1 crosses or touches the one from 1 to 2; list the corners in the order in which one walks around"
            ],
        ),
        (
            "[[0,0],[1,0],[1,1],[0.5,0],[0,1]]",
            expect![
                "line 1, column 40, stations[0].polygon: the edge from point 0 to 1 crosses or touches the one from 2 to 3; list the corners in the order in which one walks around"
            ],
        ),
    ] {
        check(
            &format!("{{\"stations\": [{{\"name\": \"a\", \"polygon\": {polygon}}}]}}"),
            &expected,
        );
    }
}

#[test]
fn errors_are_typed() {
    let error = Stations::parse("{\"stations\": [\n {\"name\": \"a\"}]}").unwrap_err();
    assert_eq!((error.line, error.column, error.field.as_str()), (2, 2, "stations[0]"));
    assert_eq!(error.problem, Problem::MissingPolygon);
}

#[test]
fn deep_nesting_and_too_many_corners_are_errors() {
    let nested = format!("{{\"stations\": [{}", "[".repeat(100_000));
    assert!(matches!(
        Stations::parse(&nested).unwrap_err().problem,
        Problem::Syntax(_)
    ));
    let points = vec!["[0.5, 0.5]"; 100_000].join(",");
    let text = format!("{{\"stations\": [{{\"name\": \"a\", \"polygon\": [{points}]}}]}}");
    assert!(
        Stations::parse(&text)
            .unwrap_err()
            .to_string()
            .contains("up to 1000 points, found 100000")
    );
}

fn station(polygon: &[(f32, f32)]) -> Station {
    Station {
        name: "a".into(),
        polygon: polygon.iter().map(|(x, y)| Point::new(*x, *y)).collect(),
        vest: None,
    }
}

#[test]
fn points_in_a_concave_polygon() {
    // An arrow to the right with a notch at (0.4, 0.5).
    let arrow = station(&[(0.2, 0.2), (0.8, 0.5), (0.2, 0.8), (0.4, 0.5)]);
    for ((x, y), inside) in [
        ((0.5, 0.5), true),
        ((0.3, 0.3), true),
        ((0.3, 0.7), true),
        ((0.3, 0.5), false), // in the notch, level with two corners
        ((0.1, 0.5), false), // behind it
        ((0.9, 0.5), false),
        ((0.5, 0.2), false),
        ((0.2, 0.2), true), // corners
        ((0.4, 0.5), true),
        ((0.8, 0.5), true),
        ((0.5, 0.35), true), // the middle of an edge
        ((0.5, 0.3499), false),
        ((f32::NAN, 0.5), false),
        ((f32::INFINITY, 0.5), false),
        ((f32::NEG_INFINITY, f32::INFINITY), false),
    ] {
        assert_eq!(arrow.contains(Point::new(x, y)), inside, "({x}, {y})");
    }
}

#[test]
fn a_station_without_corners_contains_nothing() {
    assert!(!station(&[]).contains(Point::new(0.5, 0.5)));
}

/// A polygon around the centre whose corners lie at rising angles: simple by construction, mostly concave.
fn star() -> impl Strategy<Value = Vec<Point>> {
    prop::collection::vec(0.1f64..0.5, 3..12).prop_map(|radii| {
        let step = std::f64::consts::TAU / radii.len() as f64;
        let corner = |(i, r): (usize, &f64)| {
            let (sin, cos) = (i as f64 * step).sin_cos();
            Point::new((0.5 + r * cos) as f32, (0.5 + r * sin) as f32)
        };
        radii.iter().enumerate().map(corner).collect()
    })
}

/// How often the polygon winds around a point, by the angles under which its edges are seen.
fn winding(polygon: &[Point], point: Point) -> f64 {
    let angle = |p: Point| f64::from(p.y - point.y).atan2(f64::from(p.x - point.x));
    let edges = polygon.iter().zip(polygon.iter().cycle().skip(1));
    let turned = edges.map(|(a, b)| {
        let turn = angle(*b) - angle(*a);
        turn - std::f64::consts::TAU * (turn / std::f64::consts::TAU).round()
    });
    turned.sum::<f64>() / std::f64::consts::TAU
}

proptest! {
    #[test]
    fn even_odd_agrees_with_the_winding_number(polygon in star(), x in 0.0f32..1.0, y in 0.0f32..1.0) {
        prop_assert_eq!(check_polygon(&polygon), Ok(()));
        let point = Point::new(x, y);
        let winding = winding(&polygon, point);
        // A point on an edge sees it under a straight angle, where the sign of the turn is a matter of rounding.
        prop_assume!((winding - winding.round()).abs() < 1e-3);
        let station = Station { name: "a".into(), polygon, vest: None };
        prop_assert_eq!(station.contains(point), winding.round() != 0.0);
    }

    #[test]
    fn swapped_corners_make_edges_cross(polygon in star(), i in 0usize..100) {
        prop_assume!(polygon.len() > 3);
        let mut polygon = polygon;
        let i = i % (polygon.len() - 1);
        // A quadrilateral with one swap crosses itself when it is convex; a star with equal radii is.
        for (k, corner) in polygon.clone().iter().enumerate() {
            let angle = f64::from(corner.y - 0.5).atan2(f64::from(corner.x - 0.5));
            polygon[k] = Point::new((0.5 + 0.4 * angle.cos()) as f32, (0.5 + 0.4 * angle.sin()) as f32);
        }
        polygon.swap(i, i + 1);
        prop_assert!(check_polygon(&polygon).is_err());
    }

    #[test]
    fn no_text_makes_the_parser_panic(text in ".*") {
        let _ = Stations::parse(&text);
    }

    #[test]
    fn no_damage_makes_the_parser_panic(cut in 0usize..500, insert in "[\\[\\]{}\",:0-9.eE\\-\n ö]{0,4}", skip in 0usize..6) {
        let mut text: Vec<char> = include_str!("../../../../pipelines/stations/demo.json").chars().collect();
        let cut = cut.min(text.len());
        let end = (cut + skip).min(text.len());
        text.splice(cut..end, insert.chars());
        if let Err(error) = Stations::parse(&text.iter().collect::<String>()) {
            prop_assert!(error.line >= 1 && error.column >= 1);
        }
    }
}

#[test]
fn stations_that_did_not_change_stay_as_they_are_written() {
    let written = r#"
        { "stations":[
          {"polygon": [[0.3958, 0.10], [4e-1,0.2], [0.123456789012, 1]],
           "name":"K\u00fcche" , "vest": "red"}, {"name": "gone", "polygon": [[0, 0], [1, 0], [1, 1]]},
          {"name": "moved", "polygon": [[0, 0], [1, 0], [1, 1]]} ]}"#;
    let stations = Stations::parse(written).unwrap();
    let mut moved = (*stations[2]).clone();
    moved.polygon[0] = Point::new(0.3958, 0.1);
    let drawn = Station {
        name: "say \"new\"".into(),
        polygon: moved.polygon.clone(),
        vest: Some("blue".into()),
    };
    let changed: Stations = [stations[0].clone(), Arc::new(moved), Arc::new(drawn)]
        .into_iter()
        .collect();
    let text = changed.to_json_over(written);
    expect![[r#"
        {
          "stations": [
            {"polygon": [[0.3958, 0.10], [4e-1,0.2], [0.123456789012, 1]],
                   "name":"K\u00fcche" , "vest": "red"},
            {"name": "moved", "polygon": [[0.3958, 0.1], [1, 0], [1, 1]]},
            {"name": "say \"new\"", "vest": "blue", "polygon": [[0.3958, 0.1], [1, 0], [1, 1]]}
          ]
        }
    "#]]
    .assert_eq(&text);
    assert_eq!(Stations::parse(&text).unwrap(), changed);
    assert_eq!(changed.to_json_over(&text), text, "written twice, nothing changes");
    assert_eq!(Stations::parse(&changed.to_json_over("no JSON")).unwrap(), changed);
}
