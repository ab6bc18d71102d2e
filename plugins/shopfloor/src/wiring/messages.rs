//! What to report about a missing or misplaced element, and which element reports it.

use super::neighbours::{Neighbours, Role};
use super::signs::Sign;

/// The order of the elements, as the documents have it.
const ORDER: &str = "tritoninfer ! vesttrack ! activityzone ! overlay";

/// Most names of elements in a message.
const MOST_NAMES: usize = 8;

/// The text to post by the element of this role; `None` if nothing is wrong or an element upstream reports it.
pub fn message(role: Role, sign: &Sign, near: &Neighbours) -> Option<String> {
    let is_before = |other| near.downstream.contains(&other);
    match sign {
        Sign::Inconclusive => None,
        Sign::Wired => misplaced(role, near),
        Sign::Nothing if is_reported_upstream(near) && !may_be_lost(near) => None,
        Sign::Nothing => Some(without_people(role, near)),
        Sign::Undecoded { .. } if is_reported_upstream(near) => None,
        Sign::Undecoded { model } => Some(format!(
            "The frames at {} have outputs of model '{model}' and no people, since no poseparse is upstream. Put poseparse behind \
             tritoninfer model={model}",
            role.name()
        )),
        Sign::Untracked if near.upstream.contains(&Role::VestTrack) => None,
        Sign::Untracked => Some(format!(
            "The people at {} have no tracks, since no vesttrack is upstream. Stations with a vest state no worker, and no handover \
             is detected. {}",
            role.name(),
            if is_before(Role::VestTrack) {
                format!("Move {} behind vesttrack: {ORDER}", role.name())
            } else {
                format!("Put vesttrack before {}: {ORDER}", role.name())
            }
        )),
        Sign::Unclassified { .. } => unclassified(role, sign, near),
    }
}

/// Whether an element upstream has no people either, and reports that.
fn is_reported_upstream(near: &Neighbours) -> bool {
    near.upstream.iter().any(|&role| role != Role::Inference)
}

/// Whether the nearest element of this plugin upstream may have people that do not arrive.
fn may_be_lost(near: &Neighbours) -> bool {
    near.upstream.iter().any(|role| role.infers()) && !near.between.is_empty()
}

fn without_people(role: Role, near: &Neighbours) -> String {
    let name = role.name();
    let infers = |roles: &[Role]| roles.iter().any(|role| role.infers());
    if infers(&near.upstream) {
        let mut between: Vec<_> = near.between.iter().take(MOST_NAMES).map(|name| &**name).collect();
        if near.between.len() > MOST_NAMES {
            between.push("…");
        }
        format!(
            "The frames at {name} have no people, although tritoninfer is upstream: an element between them removes the \
             people of a frame, as videocrop and compositor do. Between them: {}. Put it before tritoninfer",
            if between.is_empty() {
                "none".to_owned()
            } else {
                between.join(", ")
            }
        )
    } else if infers(&near.downstream) {
        format!("{name} is before tritoninfer, so its frames have no people yet. Move it behind tritoninfer: {ORDER}")
    } else {
        format!(
            "The frames at {name} have no people, since no tritoninfer is upstream. Put tritoninfer before it: {ORDER}"
        )
    }
}

fn unclassified(role: Role, sign: &Sign, near: &Neighbours) -> Option<String> {
    let tracks = role == Role::VestTrack;
    match sign {
        Sign::Unclassified { model: Some(model) } if tracks => Some(format!(
            "Everyone is a visitor: model '{model}' has returned outputs for each person, and its configuration has no \
             shopfloor.labels that make them vests. Add parameters {{ key: \"shopfloor.labels\" value: {{ string_value: \"none,\
             red,…\" }} }} to its config.pbtxt, one label for each column of the output"
        )),
        Sign::Unclassified { model: None } if tracks && near.downstream.contains(&Role::PeopleInference) => {
            Some(format!(
                "{} is before the vest model, so everyone is a visitor. Move it behind tritoninfer inference-region=people",
                role.name()
            ))
        }
        Sign::Unclassified { model: None } if role == Role::ActivityZone => Some(
            "Stations have a vest, and no vest model is upstream, so their states are unknown. Put tritoninfer \
             model=vest_resnet18 inference-region=people before vesttrack, or omit \"vest\" in stations="
                .to_owned(),
        ),
        // `vesttrack` reports a model without labels, and tracks visitors without a vest model.
        _ => None,
    }
}

/// An overlay before elements whose results it should draw. A second one behind them is a purpose.
fn misplaced(role: Role, near: &Neighbours) -> Option<String> {
    if role != Role::Overlay || near.downstream.contains(&Role::Overlay) {
        return None;
    }
    let later = near.downstream.iter().rev();
    let last = later
        .copied()
        .find(|role| matches!(role, Role::VestTrack | Role::ActivityZone))?;
    Some(format!(
        "overlay is before {}, so it does not draw its results. Move overlay behind it: {ORDER}",
        last.name()
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use Role::{ActivityZone, Inference, Overlay, PeopleInference, PoseParse, VestTrack};

    /// The message of an element of a line, by its index.
    fn report(line: &[Role], at: usize, sign: &Sign, between: &[&str]) -> String {
        let near = Neighbours {
            upstream: line[..at].iter().rev().copied().collect(),
            downstream: line[at + 1..].to_vec(),
            between: between.iter().map(|&name| name.to_owned()).collect(),
        };
        message(line[at], sign, &near).unwrap_or_default()
    }

    #[track_caller]
    fn check(line: &[Role], at: usize, sign: &Sign, facts: &[&str]) {
        check_behind(&[], line, at, sign, facts);
    }

    /// With other elements before the one that reports.
    #[track_caller]
    fn check_behind(between: &[&str], line: &[Role], at: usize, sign: &Sign, facts: &[&str]) {
        let text = report(line, at, sign, between);
        assert_eq!(text.is_empty(), facts.is_empty(), "{text}");
        assert!(facts.iter().all(|fact| text.contains(fact)), "{facts:?}: {text}");
    }

    #[test]
    fn frames_without_people_are_reported_by_the_first_element_that_needs_them() {
        let nothing = &Sign::Nothing;
        check(
            &[VestTrack, ActivityZone],
            0,
            nothing,
            &["no tritoninfer is upstream", "vesttrack"],
        );
        check(&[VestTrack, ActivityZone], 1, nothing, &[]);
        check(
            &[PoseParse, VestTrack],
            0,
            nothing,
            &["no tritoninfer is upstream", "poseparse"],
        );
        check(&[PoseParse, VestTrack], 1, nothing, &[]);
        let lost = &["videocrop", "before tritoninfer"];
        let crop = &["videocrop"];
        check_behind(crop, &[Inference, Overlay], 1, nothing, lost);
        check_behind(crop, &[Inference, PoseParse, VestTrack, Overlay], 2, nothing, lost);
        check_behind(crop, &[Inference, PoseParse, VestTrack, Overlay], 3, nothing, lost);
        check(&[Inference, PoseParse, VestTrack, Overlay], 3, nothing, &[]);
        check_behind(crop, &[VestTrack, Overlay], 1, nothing, &[]);
        check(
            &[Overlay, Inference, VestTrack],
            0,
            nothing,
            &["overlay is before tritoninfer"],
        );
        // It warns that it has no people.
        check(&[PeopleInference, VestTrack], 1, nothing, &[]);
    }

    #[test]
    fn a_missing_poseparse_is_reported_once() {
        let undecoded = &Sign::Undecoded { model: "m".into() };
        check(
            &[Inference, VestTrack, ActivityZone, Overlay],
            1,
            undecoded,
            &["'m'", "poseparse"],
        );
        check(&[Inference, VestTrack, ActivityZone, Overlay], 2, undecoded, &[]);
        check(&[Inference, Overlay], 1, undecoded, &["'m'", "poseparse"]);
        check(&[Inference, PeopleInference, VestTrack], 2, undecoded, &[]);
        // It reports outputs that it cannot parse.
        check(&[Inference, PoseParse, VestTrack], 2, undecoded, &[]);
    }

    #[test]
    fn a_missing_vesttrack_is_reported() {
        check(
            &[Inference, ActivityZone],
            1,
            &Sign::Untracked,
            &["Put vesttrack before activityzone"],
        );
        check(
            &[Inference, ActivityZone, VestTrack],
            1,
            &Sign::Untracked,
            &["Move activityzone"],
        );
        check(&[Inference, VestTrack, ActivityZone], 2, &Sign::Untracked, &[]);
    }

    #[test]
    fn people_without_vests_are_reported_where_vests_are_needed() {
        let unlabelled = &Sign::Unclassified {
            model: Some("m".into()),
        };
        let unclassified = &Sign::Unclassified { model: None };
        let line = &[Inference, PoseParse, PeopleInference, VestTrack, ActivityZone][..];
        check(line, 3, unlabelled, &["'m'", "shopfloor.labels", "visitor"]);
        check(line, 4, unlabelled, &[]);
        let line = &[Inference, PoseParse, VestTrack, ActivityZone][..];
        check(line, 2, unclassified, &[]);
        check(line, 3, unclassified, &["vest_resnet18"]);
        check(
            &[Inference, VestTrack, PeopleInference],
            1,
            unclassified,
            &["vesttrack is before"],
        );
    }

    #[test]
    fn an_overlay_before_other_elements_is_reported() {
        let wired = &Sign::Wired;
        check(
            &[Inference, Overlay, VestTrack, ActivityZone],
            1,
            wired,
            &["before activityzone"],
        );
        check(&[Inference, Overlay, VestTrack, ActivityZone, Overlay], 1, wired, &[]);
        check(&[Inference, VestTrack, ActivityZone, Overlay], 3, wired, &[]);
        check(&[Inference, VestTrack, ActivityZone], 1, wired, &[]);
    }
}
