use super::*;
use proptest::prelude::*;

fn encoded(samples: &[u8], size: (usize, usize), colour: Colour, format: Format) -> Vec<u8> {
    let mut file = Vec::new();
    encode(samples, size, colour, format, &mut file).unwrap();
    file
}

fn decoded(file: &[u8], mode: Option<Colour>) -> Result<Vec<u8>> {
    let picture = Picture::read(file)?;
    let output = picture.output(mode)?;
    picture.check(file, output, 1 << 24)?;
    let mut out = vec![0; picture.height * picture.width * output.colour.channels()];
    if output.deep {
        let mut deep = vec![0_u16; out.len()];
        picture.decode_deep(file, &mut deep)?;
        return Ok(deep.iter().map(|one| (one >> 8) as u8).collect());
    }
    picture.decode(file, output.colour, &mut out, &mut Vec::new())?;
    Ok(out)
}

#[test]
fn what_a_png_declares() {
    let file = encoded(&[7; 5 * 4 * 4], (5, 4), Colour::Rgba, Format::Png);
    let picture = Picture::read(&file).unwrap();
    assert_eq!((picture.height, picture.width), (5, 4));
    assert_eq!((picture.colour, picture.deep), (Colour::Rgba, false));
    let output = picture.output(None).unwrap();
    picture.check(&file, output, 80).unwrap();
    let refused = picture.check(&file, output, 79).unwrap_err().to_string();
    assert_eq!(
        refused,
        "an image of 5 x 4 pixels takes 80 bytes, which is more than max_bytes=79"
    );
    assert!(picture.output(Some(Colour::Cmyk)).is_err());
    let refused = picture.decode(&file, Colour::Rgb, &mut [0; 59], &mut Vec::new());
    assert!(refused.is_err());
    assert!(picture.decode_deep(&file, &mut [0; 80]).is_err());
}

#[test]
fn grey_of_inks() {
    let mut out = [0; 3];
    colour::convert(&[0, 0, 0, 0], Colour::Cmyk, Colour::Rgb, &mut out);
    assert_eq!(out, [255; 3]);
    colour::convert(&[255, 0, 128, 0], Colour::Cmyk, Colour::Rgb, &mut out);
    assert_eq!(out, [0, 255, 127]);
    colour::convert(&[9, 9, 9, 255], Colour::Cmyk, Colour::Rgb, &mut out);
    assert_eq!(out, [0; 3]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn png_comes_back(
        height in 1_usize..20,
        width in 1_usize..20,
        channels in 0_usize..4,
        seed in any::<u8>(),
    ) {
        let colour = [Colour::Grey, Colour::GreyAlpha, Colour::Rgb, Colour::Rgba][channels];
        let count = height * width * colour.channels();
        let samples: Vec<_> = (0..count).map(|n| (n * 37) as u8 ^ seed).collect();
        let file = encoded(&samples, (height, width), colour, Format::Png);
        prop_assert_eq!(decoded(&file, None).unwrap(), samples);
    }

    #[test]
    fn bytes_of_anything_never_panic(
        start in 0_usize..3,
        bytes in proptest::collection::vec(any::<u8>(), 0..200),
    ) {
        let signature: &[u8] = [&png::SIGNATURE[..], &jpeg::SIGNATURE[..], &[]][start];
        let file = [signature, &bytes].concat();
        prop_assert!(decoded(&file, Some(Colour::Rgb)).is_err());
    }

    #[test]
    fn damage_never_panics(
        format in 0_usize..2,
        damage in proptest::collection::vec((0_usize..2000, any::<u8>()), 1..5),
        length in 0_usize..2000,
    ) {
        let samples: Vec<_> = (0..30 * 40 * 3).map(|n| (n * n / 40) as u8).collect();
        let format = [Format::Png, Format::Jpeg(80, Subsampling::Squares)][format];
        let mut file = encoded(&samples, (30, 40), Colour::Rgb, format);
        for (place, value) in damage {
            let place = place % file.len();
            file[place] = value;
        }
        let _ = decoded(&file, None);
        let _ = decoded(&file[..length.min(file.len())], Some(Colour::Grey));
    }
}
