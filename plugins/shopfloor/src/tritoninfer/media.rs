//! The media that the element takes, and what to do about others.

/// Caps of video that has to be decoded. `media` excludes the audio stream of a camera.
pub fn encoded() -> gst::Caps {
    gst::Caps::builder_full()
        .structure(
            gst::Structure::builder("application/x-rtp")
                .field("media", "video")
                .build(),
        )
        .structure(gst::Structure::new_empty("video/x-h264"))
        .structure(gst::Structure::new_empty("video/x-h265"))
        .structure(gst::Structure::new_empty("image/jpeg"))
        .build()
}

/// Whether no stream of this media type can be inferred, whatever its other fields are.
pub fn is_foreign(caps: &gst::CapsRef) -> bool {
    let Some(name) = caps.structure(0).map(gst::StructureRef::name) else {
        return false;
    };
    let encoded = encoded();
    // RTP of a camera's audio has the same name.
    let is_audio_by_rtp = name == "application/x-rtp" && !caps.can_intersect(&encoded);
    let is_known = name == "video/x-raw" || encoded.iter().any(|known| known.name() == name);
    is_audio_by_rtp || !is_known
}

/// Why a stream of [foreign](is_foreign) caps cannot be inferred.
pub fn refusal(caps: &gst::CapsRef) -> String {
    let name = caps.structure(0).map_or("empty", |structure| structure.name().as_str());
    let media = caps
        .structure(0)
        .and_then(|structure| structure.get::<&str>("media").ok());
    let is_audio = name.starts_with("audio/") || media == Some("audio");
    let (kind, remedy) = if is_audio {
        (
            "audio",
            "link a video stream to tritoninfer; of a file with both, decodebin before tritoninfer gives it",
        )
    } else {
        (name, REMEDY)
    };
    let known = "video/x-raw, H.264, H.265, JPEG, or RTP of one of them";
    let details = if is_audio { format!(" ({name})") } else { String::new() };
    format!("The stream is {kind}{details}; tritoninfer takes {known}: {remedy}")
}

const REMEDY: &str = "put decodebin before tritoninfer, as in … ! decodebin ! tritoninfer";

/// Why the stream of a first buffer without caps cannot be inferred: names the type that its content has.
pub fn without_caps(element: &gst::Element, buffer: &gst::BufferRef) -> String {
    let bytes = buffer.map_readable().ok();
    // The type finder does not take empty data.
    let bytes = bytes.as_deref().filter(|bytes| !bytes.is_empty());
    let found = bytes.and_then(|bytes| gst_base::type_find_helper_for_data(Some(element), bytes).ok());
    let caps = found.map(|(caps, _)| caps);
    let name = caps
        .as_ref()
        .and_then(|caps| caps.structure(0))
        .map(gst::StructureRef::name);
    let content = name.map_or_else(
        || "content of unknown type".to_owned(),
        |name| format!("content of the type {name}"),
    );
    format!("A buffer arrived before its caps, with {content}: {REMEDY}; for raw frames, caps such as video/x-raw")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn foreign_streams_are_named_with_the_remedy() {
        gst::init().unwrap();
        for (caps, facts) in [
            ("video/x-raw,format=I420,width=64,height=48", &[][..]),
            ("video/x-raw(memory:GLMemory)", &[]),
            ("video/x-h264,stream-format=avc", &[]),
            ("image/jpeg", &[]),
            ("application/x-rtp,media=video,encoding-name=H264", &[]),
            (
                "application/x-rtp,media=audio,encoding-name=OPUS",
                &["audio", "decodebin"],
            ),
            ("video/quicktime,variant=iso", &["video/quicktime", "decodebin"]),
            ("video/x-matroska", &["video/x-matroska", "decodebin"]),
            ("video/mpegts,systemstream=true", &["video/mpegts", "decodebin"]),
            ("image/png", &["image/png", "decodebin"]),
            ("video/x-vp9", &["video/x-vp9", "decodebin"]),
            ("audio/x-wav", &["audio", "audio/x-wav", "video"]),
            (
                "audio/x-raw,format=S16LE,rate=8000,channels=1",
                &["audio", "audio/x-raw", "decodebin"],
            ),
            ("text/plain", &["text/plain", "decodebin"]),
            ("application/octet-stream", &["application/octet-stream", "decodebin"]),
        ] {
            let parsed: gst::Caps = caps.parse().unwrap();
            assert_eq!(is_foreign(&parsed), !facts.is_empty(), "{caps}");
            let text = refusal(&parsed);
            assert!(facts.iter().all(|fact| text.contains(fact)), "{facts:?}: {text}");
        }
    }
}
